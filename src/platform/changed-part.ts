/**
 * The parts of two lists that are left when what both begin with and what both end with is taken away.
 *
 * Of a long list in which one thing was put in, taken out or changed, these are one or none each. What was changed in many places is between
 * the first and the last of them, the same things too.
 *
 * @param isSame Whether two are the same; being one object when left out.
 */
export function changedPart<T>(before: readonly T[], now: readonly T[], isSame: (a: T, b: T) => boolean = Object.is): { readonly gone: readonly T[]; readonly come: readonly T[] } {
  const least = Math.min(before.length, now.length);
  let start = 0;
  while (start < least && isSame(before[start]!, now[start]!)) start++;
  let end = 0;
  while (end < least - start && isSame(before[before.length - 1 - end]!, now[now.length - 1 - end]!)) end++;
  return { gone: before.slice(start, before.length - end), come: now.slice(start, now.length - end) };
}
