/** Messages that are remembered: agents of a process are a few messages apart. */
const REMEMBERED = 16;

/**
 * Makes a decoder that decodes the same bytes once for all agents of a process, who would be as many machines with as many processors; they
 * share the message, which nobody changes.
 */
export function decodeOnce<T>(decode: (bytes: Buffer) => T): (bytes: Buffer) => T {
  const known: { readonly bytes: Buffer; readonly message: T }[] = [];
  let next = 0;
  return (bytes) => {
    for (const one of known) if (one.bytes.length === bytes.length && one.bytes.equals(bytes)) return one.message;
    // A copy: what comes from a socket is a part of something larger.
    const kept = Buffer.from(bytes);
    const message = decode(kept);
    known[next++ % REMEMBERED] = { bytes: kept, message };
    return message;
  };
}
