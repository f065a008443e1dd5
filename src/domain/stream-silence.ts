/**
 * A stream from a controller on which nothing is said for so long, ms, is dead, whatever TCP believes: whoever reads it gives it up, and
 * whoever writes it says something well before, be it that nothing has happened.
 */
export const STREAM_SILENCE_MS = 30_000;
