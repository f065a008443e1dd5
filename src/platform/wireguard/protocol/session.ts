import { open, seal } from './noise.js';
import { ReplayWindow } from './replay-window.js';
import { MESSAGE_LENGTH, MESSAGE_TYPE, RECEIVER_OFFSET, REJECT_AFTER_MESSAGES, REJECT_AFTER_MS } from './wire.js';

const COUNTER_OFFSET = 8;
const PADDING = 16;
const NO_ASSOCIATED_DATA = Buffer.alloc(0);
const EMPTY = Buffer.alloc(0);

/** Why a transport message is not opened. */
export type Unopened = 'session_expired' | 'packet_replayed' | 'packet_forged';

/** The keys that one handshake made. */
export interface SessionKeys {
  /** What the other side addresses this session by. */
  readonly localIndex: number;
  /** What this side addresses it by at the other's. */
  readonly remoteIndex: number;
  readonly receiveKey: Buffer;
  readonly sendKey: Buffer;
}

/** Transport messages in both directions under the keys of one handshake. @see whitepaper §5.4.6 */
export class Session {
  readonly localIndex: number;
  readonly #keys: SessionKeys;
  readonly #expiresAtMs: number;
  readonly #window = new ReplayWindow();
  #sent = 0;

  constructor(keys: SessionKeys, nowMs: number) {
    this.localIndex = keys.localIndex;
    this.#keys = keys;
    this.#expiresAtMs = nowMs + REJECT_AFTER_MS;
  }

  isExpired(nowMs: number): boolean {
    return nowMs >= this.#expiresAtMs || this.#sent >= REJECT_AFTER_MESSAGES;
  }

  /** What a transport message holds: an IP packet with its padding, or nothing in a keepalive. */
  open(message: Buffer, nowMs: number): Buffer | Unopened {
    if (this.isExpired(nowMs)) return 'session_expired';
    const counter = readCounter(message);
    if (counter >= REJECT_AFTER_MESSAGES) return 'packet_forged';
    if (this.#window.isTooOld(counter)) return 'packet_replayed';
    const plaintext = open(this.#keys.receiveKey, counter, message.subarray(MESSAGE_LENGTH.transportHeader), NO_ASSOCIATED_DATA);
    if (plaintext === undefined) return 'packet_forged';
    return this.#window.accept(counter) ? plaintext : 'packet_replayed';
  }

  /** A transport message with `packet`, padded so that its length tells less; a keepalive without one. */
  seal(packet: Buffer = EMPTY): Buffer {
    const padded = Buffer.alloc(Math.ceil(packet.length / PADDING) * PADDING);
    packet.copy(padded);
    const counter = this.#sent++;
    const header = Buffer.alloc(MESSAGE_LENGTH.transportHeader);
    header.writeUInt32LE(MESSAGE_TYPE.transport, 0);
    header.writeUInt32LE(this.#keys.remoteIndex, RECEIVER_OFFSET);
    header.writeUInt32LE(counter % 2 ** 32, COUNTER_OFFSET);
    header.writeUInt32LE(Math.floor(counter / 2 ** 32), COUNTER_OFFSET + 4);
    return Buffer.concat([header, seal(this.#keys.sendKey, counter, padded, NO_ASSOCIATED_DATA)]);
  }
}

/** The counter as a number; inexact only beyond {@link REJECT_AFTER_MESSAGES}, where it is refused. */
function readCounter(message: Buffer): number {
  return message.readUInt32LE(COUNTER_OFFSET + 4) * 2 ** 32 + message.readUInt32LE(COUNTER_OFFSET);
}
