import { blake2s } from '@noble/hashes/blake2.js';
import { MAC_LENGTH } from './wire.js';
import { hash } from './noise.js';

const MAC1_LABEL = Buffer.from('mac1----');

/**
 * Keyed BLAKE2s of 16 bytes with the key set up once.
 *
 * node:crypto has BLAKE2s without a key only, and a MAC is not an HMAC here.
 *
 * @see RFC 7693 §2.9
 */
export class Mac {
  readonly #keyed: ReturnType<typeof blake2s.create>;

  /** @param key At most 32 bytes. */
  constructor(key: Uint8Array) {
    this.#keyed = blake2s.create({ key, dkLen: MAC_LENGTH });
  }

  of(data: Uint8Array): Buffer {
    return Buffer.from(this.#keyed.clone().update(data).digest());
  }
}

/** The key with which everyone who knows `publicKey` makes mac1 for its owner. @see whitepaper §5.4.4 */
export function mac1For(publicKey: Uint8Array): Mac {
  return new Mac(hash(MAC1_LABEL, publicKey));
}

/** Whether a handshake message is addressed to the owner of `mac1`. Proves no more than knowledge of a public key. */
export function isAddressedTo(mac1: Mac, message: Buffer): boolean {
  const at = message.length - 2 * MAC_LENGTH;
  return mac1.of(message.subarray(0, at)).equals(message.subarray(at, at + MAC_LENGTH));
}

/** Writes mac1 into a handshake message that is complete up to there. */
export function writeMac1(mac1: Mac, message: Buffer): void {
  const at = message.length - 2 * MAC_LENGTH;
  mac1.of(message.subarray(0, at)).copy(message, at);
}
