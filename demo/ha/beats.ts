/** Something that happens again and again, each time at a moment in UTC ms. */
export interface Beats {
  readonly name: string;
  /** All so far, in order. */
  times(): readonly number[];
}

/**
 * The longest time without a beat between two moments, in ms. Before the first and after the last counts too.
 *
 * @param from UTC ms.
 * @param to   UTC ms.
 */
export function longestSilence(beats: Beats, from: number, to: number): number {
  const within = beats.times().filter((atMs) => atMs > from && atMs < to);
  const moments = [from, ...within, to];
  return Math.round(Math.max(...moments.slice(1).map((atMs, i) => atMs - (moments[i] ?? 0))));
}

/** The longest silence of any of `all`, in ms. */
export function longestOf(all: readonly Beats[], from: number, to: number): number {
  return Math.max(0, ...all.map((beats) => longestSilence(beats, from, to)));
}
