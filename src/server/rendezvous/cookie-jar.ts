import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Source } from './datagram.js';
import { Mac } from '../../platform/wireguard/protocol/mac.js';
import { hash } from '../../platform/wireguard/protocol/noise.js';
import { MAC_LENGTH, MESSAGE_LENGTH, MESSAGE_TYPE, RECEIVER_OFFSET, SENDER_OFFSET } from '../../platform/wireguard/protocol/wire.js';
import { xseal, XNONCE_LENGTH } from './xchacha20.js';

/** How long a secret makes cookies. @see whitepaper §5.4.7 */
const SECRET_FOR_MS = 120_000;

/**
 * Makes senders prove, before expensive work is done for them, that they receive what is sent to their address.
 *
 * A cookie is a MAC of the address under a secret of ours, so nothing is remembered per sender.
 *
 * @see whitepaper §5.3, §5.4.7
 */
export class CookieJar {
  readonly #sealKey: Buffer;
  #secret = new Mac(randomBytes(32));
  #secretSinceMs: number;

  constructor(publicKey: Uint8Array, nowMs: number) {
    this.#sealKey = hash(Buffer.from('cookie--'), publicKey);
    this.#secretSinceMs = nowMs;
  }

  /** Whether mac2 of a handshake message was made with the cookie of its source. */
  isProved(message: Buffer, source: Source, nowMs: number): boolean {
    const at = message.length - MAC_LENGTH;
    const wanted = new Mac(this.#cookieFor(source, nowMs)).of(message.subarray(0, at));
    return timingSafeEqual(wanted, message.subarray(at));
  }

  /** The cookie of `source`, sealed so that only who sent the handshake message can read it. */
  replyTo(message: Buffer, source: Source, nowMs: number): Buffer {
    const mac1 = message.subarray(message.length - 2 * MAC_LENGTH, message.length - MAC_LENGTH);
    const nonce = randomBytes(XNONCE_LENGTH);
    const reply = Buffer.alloc(MESSAGE_LENGTH.cookie);
    reply.writeUInt32LE(MESSAGE_TYPE.cookie, 0);
    reply.writeUInt32LE(message.readUInt32LE(SENDER_OFFSET), RECEIVER_OFFSET);
    nonce.copy(reply, 8);
    xseal(this.#sealKey, nonce, this.#cookieFor(source, nowMs), mac1).copy(reply, 8 + XNONCE_LENGTH);
    return reply;
  }

  #cookieFor(source: Source, nowMs: number): Buffer {
    if (Math.abs(nowMs - this.#secretSinceMs) >= SECRET_FOR_MS) {
      this.#secret = new Mac(randomBytes(32));
      this.#secretSinceMs = nowMs;
    }
    return this.#secret.of(Buffer.from(`${source.address} ${source.port}`));
  }
}
