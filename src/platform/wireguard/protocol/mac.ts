import { blake2s } from '@noble/hashes/blake2.js';
import { BLOCK_BYTES, keyed, takeBlock, wordsOf, type Chain } from './blake2s-blocks.js';
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
  readonly #key: Uint8Array;
  #chain: Chain | undefined;

  /** @param key At most 32 bytes. */
  constructor(key: Uint8Array) {
    this.#keyed = blake2s.create({ key, dkLen: MAC_LENGTH });
    this.#key = key;
  }

  /** With the key's block taken in, for {@link AddressedMessage}. */
  get chain(): Chain {
    return (this.#chain ??= keyed(this.#key, MAC_LENGTH));
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
  return new AddressedMessage(message).isTo(mac1);
}

/**
 * A handshake message of which it is asked of one node after the other whether it is for that node: what is the same each time is done once, and
 * no object of a hash is made, which takes ten times as long as the hash.
 */
export class AddressedMessage {
  readonly #words: Int32Array;
  readonly #length: number;
  readonly #mac1: readonly number[];
  readonly #chain: Chain = new Int32Array(8);

  constructor(message: Buffer) {
    this.#length = message.length - 2 * MAC_LENGTH;
    this.#words = wordsOf(message.subarray(0, this.#length));
    this.#mac1 = [0, 4, 8, 12].map((at) => message.readInt32LE(this.#length + at));
  }

  /** Whether it is addressed to the owner of `mac1`. */
  isTo(mac1: Mac): boolean {
    const chain = this.#chain;
    chain.set(mac1.chain);
    for (let at = 0; at < this.#length; at += BLOCK_BYTES) {
      const end = Math.min(at + BLOCK_BYTES, this.#length);
      takeBlock(chain, this.#words, at / 4, BLOCK_BYTES + end, end === this.#length);
    }
    return this.#mac1.every((word, n) => word === chain[n]);
  }
}

/** Writes mac1 into a handshake message that is complete up to there. */
export function writeMac1(mac1: Mac, message: Buffer): void {
  const at = message.length - 2 * MAC_LENGTH;
  mac1.of(message.subarray(0, at)).copy(message, at);
}
