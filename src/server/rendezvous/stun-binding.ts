import { addressBytes } from './address-bytes.js';
import type { Source } from './datagram.js';

const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const MAGIC_COOKIE = 0x2112a442;
const XOR_MAPPED_ADDRESS = 0x0020;
const HEADER_LENGTH = 20;

/** Whether a datagram is STUN's and not WireGuard's, whose first four bytes are a small little-endian number. */
export function isStun(message: Buffer): boolean {
  return message.length >= HEADER_LENGTH && message.readUInt8(0) === 0 && message.readUInt32BE(4) === MAGIC_COOKIE;
}

/**
 * Answers a STUN Binding request with the address it came from.
 *
 * An agent asks from one socket on two of our ports: different answers tell that its NAT gives every destination a
 * mapping of its own, so that no direct path can be opened. WireGuard's own socket cannot ask, nor need it.
 *
 * @returns Undefined for anything else, and for a request shorter than its answer: the asker pads, for instance
 *   with PADDING (RFC 5780 §7.6), so that a forged source gains nothing.
 * @see RFC 8489 §5, §14.2
 */
export function answerBinding(message: Buffer, source: Source): Buffer | undefined {
  if (message.readUInt16BE(0) !== BINDING_REQUEST || message.readUInt16BE(2) !== message.length - HEADER_LENGTH) return undefined;
  const address = addressBytes(source.address);
  const answer = Buffer.alloc(HEADER_LENGTH + 8 + address.length);
  if (message.length < answer.length) return undefined;
  message.copy(answer, 0, 0, HEADER_LENGTH);
  answer.writeUInt16BE(BINDING_SUCCESS, 0);
  answer.writeUInt16BE(answer.length - HEADER_LENGTH, 2);
  answer.writeUInt16BE(XOR_MAPPED_ADDRESS, 20);
  answer.writeUInt16BE(4 + address.length, 22);
  answer.writeUInt16BE(address.length === 4 ? 1 : 2, 24);
  answer.writeUInt16BE(source.port ^ (MAGIC_COOKIE >>> 16), 26);
  // The mask is the magic cookie and the transaction id, which follow each other in the header.
  address.forEach((byte, i) => answer.writeUInt8(byte ^ message.readUInt8(4 + i), 28 + i));
  return answer;
}
