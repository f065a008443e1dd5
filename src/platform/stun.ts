import { randomFillSync } from 'node:crypto';
import { addressBytes, formatAddressBytes } from './address-bytes.js';

const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const MAGIC_COOKIE = 0x2112a442;
const XOR_MAPPED_ADDRESS = 0x0020;
const CHANGE_REQUEST = 0x0003;
const PADDING = 0x0026;

/** In a CHANGE-REQUEST: answer from your other port. @see RFC 5780 §7.2 */
const CHANGE_PORT = 0x0000_0002;
const CHANGE_REQUEST_LENGTH = 4;

const HEADER_LENGTH = 20;
const ATTRIBUTE_HEADER_LENGTH = 4;
const TRANSACTION_OFFSET = 8;

/** Of an answer with an IPv6 address, the longest there is. */
const ANSWER_MOST = HEADER_LENGTH + ATTRIBUTE_HEADER_LENGTH + 4 + 16;

/** A UDP source as node:dgram tells it. */
interface Source {
  readonly address: string;
  readonly port: number;
}

/** Whether a datagram is of STUN's Binding method and not WireGuard's, whose second byte is zero. @see RFC 8489 §5 */
export function isStun(message: Buffer): boolean {
  return message.length >= HEADER_LENGTH && message.readUInt8(1) !== 0 && message.readUInt32BE(4) === MAGIC_COOKIE;
}

/**
 * A Binding request with a new transaction id, padded so that {@link answerBinding} answers it.
 *
 * @param options `otherPort` to be answered from another port than the one asked.
 * @see RFC 5780 §7.2, §7.6
 */
export function bindingRequest(options: { readonly otherPort?: boolean } = {}): Buffer {
  const request = Buffer.alloc(ANSWER_MOST);
  request.writeUInt16BE(BINDING_REQUEST, 0);
  request.writeUInt16BE(request.length - HEADER_LENGTH, 2);
  request.writeUInt32BE(MAGIC_COOKIE, 4);
  randomFillSync(request, TRANSACTION_OFFSET, 12);
  let at = HEADER_LENGTH;
  if (options.otherPort === true) {
    request.writeUInt16BE(CHANGE_REQUEST, at);
    request.writeUInt16BE(CHANGE_REQUEST_LENGTH, at + 2);
    request.writeUInt32BE(CHANGE_PORT, at + ATTRIBUTE_HEADER_LENGTH);
    at += ATTRIBUTE_HEADER_LENGTH + CHANGE_REQUEST_LENGTH;
  }
  request.writeUInt16BE(PADDING, at);
  request.writeUInt16BE(request.length - at - ATTRIBUTE_HEADER_LENGTH, at + 2);
  return request;
}

/** Whether a message that {@link isStun} asks to be answered from another port. */
export function wantsOtherPort(message: Buffer): boolean {
  for (const { type, value } of attributes(message)) if (type === CHANGE_REQUEST && value.length === CHANGE_REQUEST_LENGTH) return (value.readUInt32BE(0) & CHANGE_PORT) !== 0;
  return false;
}

/**
 * Answers a Binding request with the address it came from.
 *
 * @returns Undefined for anything else that {@link isStun}, and for a request shorter than its answer: a forged source
 *   shall gain nothing.
 * @see RFC 8489 §14.2
 */
export function answerBinding(message: Buffer, source: Source): Buffer | undefined {
  if (message.readUInt16BE(0) !== BINDING_REQUEST || message.readUInt16BE(2) !== message.length - HEADER_LENGTH) return undefined;
  const address = addressBytes(source.address);
  const answer = Buffer.alloc(HEADER_LENGTH + ATTRIBUTE_HEADER_LENGTH + 4 + address.length);
  if (message.length < answer.length) return undefined;
  message.copy(answer, 0, 0, HEADER_LENGTH);
  answer.writeUInt16BE(BINDING_SUCCESS, 0);
  answer.writeUInt16BE(answer.length - HEADER_LENGTH, 2);
  answer.writeUInt16BE(XOR_MAPPED_ADDRESS, 20);
  answer.writeUInt16BE(4 + address.length, 22);
  answer.writeUInt16BE(address.length === 4 ? 1 : 2, 24);
  answer.writeUInt16BE(source.port ^ (MAGIC_COOKIE >>> 16), 26);
  masked(address, message).copy(answer, 28);
  return answer;
}

/**
 * Reads the answer to `request`: the address that it came from, `203.0.113.7:51820`.
 *
 * @returns Undefined for anything else.
 */
export function mappedEndpoint(request: Buffer, answer: Buffer): string | undefined {
  const isAnswer = isStun(answer) && answer.readUInt16BE(0) === BINDING_SUCCESS;
  if (!isAnswer || !answer.subarray(4, HEADER_LENGTH).equals(request.subarray(4, HEADER_LENGTH))) return undefined;
  for (const { type, value } of attributes(answer)) if (type === XOR_MAPPED_ADDRESS) return readMapped(value, request);
  return undefined;
}

function* attributes(message: Buffer): Generator<{ readonly type: number; readonly value: Buffer }> {
  for (let at = HEADER_LENGTH; at + ATTRIBUTE_HEADER_LENGTH <= message.length; ) {
    const length = message.readUInt16BE(at + 2);
    yield { type: message.readUInt16BE(at), value: message.subarray(at + ATTRIBUTE_HEADER_LENGTH, at + ATTRIBUTE_HEADER_LENGTH + length) };
    // Attributes begin at multiples of four.
    at += ATTRIBUTE_HEADER_LENGTH + Math.ceil(length / 4) * 4;
  }
}

function readMapped(value: Buffer, request: Buffer): string | undefined {
  if (value.length !== 8 && value.length !== 20) return undefined;
  const port = value.readUInt16BE(2) ^ (MAGIC_COOKIE >>> 16);
  const address = formatAddressBytes(masked(value.subarray(4), request));
  return value.length === 8 ? `${address}:${port}` : `[${address}]:${port}`;
}

/** The address under its mask, and back: the magic cookie and the transaction id, which follow each other in the header. */
function masked(address: Buffer, message: Buffer): Buffer {
  return Buffer.from(address.map((byte, i) => byte ^ message.readUInt8(4 + i)));
}
