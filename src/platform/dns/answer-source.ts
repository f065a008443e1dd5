/** Where answers come from. */
export const ANSWER_SOURCES = [
  /** The zone, encoded anew. */
  'zone',
  /** The zone, with octets encoded before. */
  'cache',
  'upstream',
  /** What another server said before. */
  'upstreamCache',
  /** The same although its time was over, because nobody answered. */
  'upstreamStale',
  /** Nobody answered, and nothing was kept. */
  'upstreamFailure',
  /** Malformed, not implemented, not ours, or enclosed. */
  'refusal',
] as const;

/** One of {@link ANSWER_SOURCES}. */
export type AnswerSource = (typeof ANSWER_SOURCES)[number];
