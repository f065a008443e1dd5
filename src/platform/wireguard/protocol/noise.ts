import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';

const TAG_LENGTH = 16;
const NOTHING = Buffer.alloc(0);

const CONSTRUCTION_HASH = hash(Buffer.from('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s'));
const IDENTIFIED_HASH = hash(CONSTRUCTION_HASH, Buffer.from('WireGuard v1 zx2c4 Jason@zx2c4.com'));

/** BLAKE2s, 32 bytes, of the parts joined. */
export function hash(...parts: readonly Uint8Array[]): Buffer {
  const digest = createHash('blake2s256');
  for (const part of parts) digest.update(part);
  return digest.digest();
}

/**
 * Encrypts with ChaCha20-Poly1305 under WireGuard's nonce, four zero bytes and the little-endian counter.
 *
 * @returns Ciphertext with its 16-byte tag.
 * @see RFC 8439 §2.8
 */
export function seal(key: Buffer, counter: number, plaintext: Uint8Array, associated: Uint8Array): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonceOf(counter), { authTagLength: TAG_LENGTH });
  cipher.setAAD(associated, { plaintextLength: plaintext.length });
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** The plaintext of what {@link seal} made, or undefined when a bit of it, the counter or `associated` differs. */
export function open(key: Buffer, counter: number, sealed: Buffer, associated: Uint8Array): Buffer | undefined {
  if (sealed.length < TAG_LENGTH) return undefined;
  const end = sealed.length - TAG_LENGTH;
  const decipher = createDecipheriv('chacha20-poly1305', key, nonceOf(counter), { authTagLength: TAG_LENGTH });
  decipher.setAAD(associated, { plaintextLength: end });
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plaintext;
}

/**
 * The running state of one Noise_IKpsk2 handshake: the chaining key and the transcript hash.
 *
 * Both sides drive it through the same steps; when they end with the same state, both have the keys.
 *
 * @see https://noiseprotocol.org/noise.html §5.2
 */
export class NoiseState {
  #chain: Buffer = CONSTRUCTION_HASH;
  #hash: Buffer;

  /** @param responderKey The responder's static public key, known to both beforehand. */
  constructor(responderKey: Uint8Array) {
    this.#hash = hash(IDENTIFIED_HASH, responderKey);
  }

  /** Makes `data` part of the transcript. */
  mixHash(data: Uint8Array): void {
    this.#hash = hash(this.#hash, data);
  }

  /** Mixes an ephemeral public key into transcript and chain, as every psk handshake does. @see Noise §9.2 */
  mixEphemeral(publicKey: Uint8Array): void {
    this.mixHash(publicKey);
    [this.#chain] = derive(this.#chain, publicKey);
  }

  /** Mixes a shared secret into the chain; the key returned seals the next field. */
  mixKey(secret: Uint8Array): Buffer {
    const [chain, key] = derive(this.#chain, secret);
    this.#chain = chain;
    return key;
  }

  /** Mixes the pre-shared key into both; the key returned seals the next field. */
  mixPresharedKey(presharedKey: Uint8Array): Buffer {
    const [chain, toHash, key] = derive(this.#chain, presharedKey);
    this.#chain = chain;
    this.mixHash(toHash);
    return key;
  }

  /** Seals a field of the handshake. A key seals one field only, so its counter is 0. */
  seal(key: Buffer, plaintext: Uint8Array): Buffer {
    const sealed = seal(key, 0, plaintext, this.#hash);
    this.mixHash(sealed);
    return sealed;
  }

  /** Opens a field of the handshake; undefined when it is forged. */
  open(key: Buffer, sealed: Buffer): Buffer | undefined {
    const plaintext = open(key, 0, sealed, this.#hash);
    if (plaintext !== undefined) this.mixHash(sealed);
    return plaintext;
  }

  /** The two transport keys: what the initiator sends with, what the responder sends with. */
  split(): readonly [initiator: Buffer, responder: Buffer] {
    const [initiator, responder] = derive(this.#chain, NOTHING);
    return [initiator, responder];
  }
}

/** HKDF with HMAC-BLAKE2s, three outputs. @see Noise §4.3 */
function derive(chain: Buffer, input: Uint8Array): [Buffer, Buffer, Buffer] {
  const secret = hmac(chain, input);
  const first = hmac(secret, Buffer.of(1));
  const second = hmac(secret, first, Buffer.of(2));
  return [first, second, hmac(secret, second, Buffer.of(3))];
}

function hmac(key: Buffer, ...parts: readonly Uint8Array[]): Buffer {
  const mac = createHmac('blake2s256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

function nonceOf(counter: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32LE(counter % 2 ** 32, 4);
  nonce.writeUInt32LE(Math.floor(counter / 2 ** 32), 8);
  return nonce;
}
