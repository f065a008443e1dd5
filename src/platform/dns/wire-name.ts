import { labelOctets, labelsOf, MAX_LABEL_OCTETS, MAX_NAME_OCTETS, nameOfLabels, type DnsName } from '../../domain/dns-name.js';

const DOT = 0x2e;

/**
 * Steps over an uncompressed name.
 *
 * A question's name comes first in a message and so has nothing to point to: a pointer there is an error, and with it
 * every loop.
 *
 * @returns Where the octets after the name begin; undefined when there is no well-formed name at `offset`.
 * @see RFC 1035 §3.1, §4.1.4
 */
export function skipPlainName(message: Uint8Array, offset: number): number | undefined {
  let at = offset;
  for (let length = message[at]; length !== 0; length = message[at]) {
    if (length === undefined || length > MAX_LABEL_OCTETS) return undefined;
    at += 1 + length;
  }
  return at + 1 - offset <= MAX_NAME_OCTETS ? at + 1 : undefined;
}

/** The name at `offset`, over which {@link skipPlainName} could step. */
export function readPlainName(message: Uint8Array, offset: number): DnsName {
  const labels: Uint8Array[] = [];
  for (let at = offset; message[at]! > 0; at += 1 + message[at]!) labels.push(message.subarray(at + 1, at + 1 + message[at]!));
  return nameOfLabels(labels)!;
}

/**
 * Steps over a name that may end in a pointer, without following it.
 *
 * @returns Where the octets after the name begin; undefined when it runs past the end.
 */
export function skipName(message: Uint8Array, offset: number): number | undefined {
  for (let at = offset; ; ) {
    const length = message[at];
    if (length === undefined) return undefined;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2 <= message.length ? at + 2 : undefined;
    if (length > 63) return undefined;
    at += 1 + length;
  }
}

/** The octets of a name, uncompressed. */
export function encodeName(name: DnsName): Buffer {
  if (name.includes('\\')) return encodeEscaped(name);
  if (name === '') return Buffer.from([0]);
  // The octet of each dot, and one in front, becomes the length of the label after it.
  const octets = Buffer.allocUnsafe(name.length + 2);
  let lengthAt = 0;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code === DOT) lengthAt = endLabel(octets, lengthAt, i);
    else octets[i + 1] = code;
  }
  endLabel(octets, lengthAt, name.length);
  octets[name.length + 1] = 0;
  return octets;
}

/** @param end Of the label's text. @returns Where the length of the next label goes. */
function endLabel(octets: Buffer, lengthAt: number, end: number): number {
  octets[lengthAt] = end - lengthAt;
  return end + 1;
}

function encodeEscaped(name: DnsName): Buffer {
  const octets = labelsOf(name).flatMap((label) => {
    const content = labelOctets(label);
    return [content.length, ...content];
  });
  return Buffer.from([...octets, 0]);
}
