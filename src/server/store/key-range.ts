/** The greatest Unicode code point; UTF-8 keeps the order of code points. */
const LAST_CODE_POINT = 0x10ffff;

/**
 * The smallest key greater than every key that starts with `prefix`, in the order of UTF-8 bytes; undefined when there is
 * none, so that the range is open.
 */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, (char) => char.codePointAt(0) as number);
  while (points.at(-1) === LAST_CODE_POINT) points.pop();
  const last = points.pop();
  if (last === undefined) return undefined;
  // The surrogates between U+D7FF and U+E000 are no characters and have no UTF-8.
  const next = last === 0xd7ff ? 0xe000 : last + 1;
  return String.fromCodePoint(...points, next);
}
