const REDACTED = '[redacted]';

/** What must never be written, and what stands there instead. Ids stay, because one has to find the token again. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // A key that was cut off is still a key: without its END line everything after BEGIN goes.
  [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g, `${REDACTED} private key`],
  [/\bncj1_([0-9a-f]{16})?[^\s"'`<>]*/g, `ncj1_$1.${REDACTED}`],
  [/\bncn1_([A-Za-z0-9-]{1,64}(?=\.))?[^\s"'`<>]*/g, `ncn1_$1.${REDACTED}`],
  [/\bnca1_([0-9a-f]{16})?[^\s"'`<>]*/g, `nca1_$1.${REDACTED}`],
  // The token part of a join string, as it travels: "<id>.<secret>".
  [/\b([0-9a-f]{16})\.[A-Za-z0-9_-]{22,}/g, `$1.${REDACTED}`],
];

/** Finds in every text what one of the patterns finds, in one go: nearly all texts are clean. */
const SUSPECT = /-----BEGIN |nc[jna]1_|[0-9a-f]{16}\./;

const MAX_DEPTH = 8;

/** Takes join strings, node tokens and PEM private keys out of a text. */
export function redactText(text: string): string {
  if (!SUSPECT.test(text)) return text;
  let clean = text;
  for (const [pattern, replacement] of PATTERNS) clean = clean.replace(pattern, replacement);
  return clean;
}

/**
 * Makes of anything a value that JSON can write and that holds no secret, however deep it was.
 *
 * Bytes are counted, not shown, because a key looks like any other bytes. Errors keep name, code, message, stack and
 * cause. An object that says itself how it is written (`toJSON`, as a secret does) is taken at its word.
 */
export function redact(value: unknown): unknown {
  return plain(value, 0, []);
}

function plain(value: unknown, depth: number, above: readonly object[]): unknown {
  switch (typeof value) {
    case 'string':
      return redactText(value);
    case 'bigint':
      return String(value);
    case 'function':
    case 'symbol':
      return `[${typeof value}]`;
    case 'object':
      return value === null ? null : plainObject(value, depth, above);
    default:
      return value;
  }
}

function plainObject(value: object, depth: number, above: readonly object[]): unknown {
  if (above.includes(value)) return '[circular]';
  if (depth >= MAX_DEPTH) return '[deep]';
  const inner = (item: unknown): unknown => plain(item, depth + 1, [...above, value]);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Error) return inner(errorFields(value));
  if (Array.isArray(value) || value instanceof Set) return [...value].map(inner);
  if (value instanceof Map) return fields([...value].map(([key, item]) => [keyText(key), item]), inner);
  if ('toJSON' in value && typeof value.toJSON === 'function') return inner(value.toJSON());
  return fields(Object.entries(value), inner);
}

function fields(entries: readonly [string, unknown][], inner: (item: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(entries.map(([key, item]) => [redactText(key), inner(item)]));
}

/** An object without prototype has no text of its own, and asking it for one throws. */
function keyText(key: unknown): string {
  return typeof key === 'object' && key !== null ? '[object]' : String(key);
}

function errorFields(error: Error): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  return { ...error, name, message, stack, ...(cause !== undefined && { cause }) };
}
