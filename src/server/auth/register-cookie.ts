import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { DomainError } from '../../domain/errors.js';
import { hkdf } from '../../platform/hkdf.js';
import { generateWireGuardKeys, WIREGUARD_KEY_BYTES, type WireGuardKeyPair } from '../../platform/wireguard/keys.js';
import { NONCE_BYTES } from '../../platform/wireguard/proof.js';

/** How long a node may take between BeginRegister and Register. */
export const REGISTER_COOKIE_MS = 60_000;

const TIME_BYTES = 8;
const TAG_BYTES = 16;
const COOKIE_BYTES = NONCE_BYTES + 2 * WIREGUARD_KEY_BYTES + TIME_BYTES + TAG_BYTES;
const ZERO_IV = Buffer.alloc(12);

/** What BeginRegister answers. */
export interface RegistrationOffer {
  /** 16 octets. */
  readonly nonce: Buffer;
  /** The server's ephemeral X25519 public key, 32 octets. */
  readonly serverKey: Buffer;
  /** Sealed; only a server of this cluster can open it. */
  readonly cookie: Buffer;
}

/** What {@link RegisterCookies.open} finds in a cookie. */
export interface OpenedCookie {
  readonly nonce: Buffer;
  /** The server's ephemeral pair. */
  readonly serverKeys: WireGuardKeyPair;
}

/**
 * Keeps the state of open registrations with the nodes that opened them: an anonymous caller costs the server no
 * memory, and any replica can finish what another began.
 *
 * A cookie is `nonce ‖ AES-256-GCM(private key ‖ public key ‖ time)`. Its key is derived from the cluster's secret and the nonce, so
 * that no key seals twice and the nonce is authenticated too.
 */
export class RegisterCookies {
  readonly #secret: Uint8Array;

  /** @param secret 32 octets that all servers of the cluster share. */
  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  /** Opens a registration at `nowMs`, UTC. */
  begin(nowMs: number): RegistrationOffer {
    const nonce = randomBytes(NONCE_BYTES);
    const { privateKey, publicKey } = generateWireGuardKeys();
    const issuedAt = Buffer.alloc(TIME_BYTES);
    issuedAt.writeBigUInt64BE(BigInt(nowMs));
    const cipher = createCipheriv('aes-256-gcm', this.#keyFor(nonce), ZERO_IV);
    const sealed = Buffer.concat([cipher.update(privateKey), cipher.update(publicKey), cipher.update(issuedAt), cipher.final()]);
    return { nonce, serverKey: publicKey, cookie: Buffer.concat([nonce, sealed, cipher.getAuthTag()]) };
  }

  /**
   * Opens a cookie that {@link begin} sealed within the last {@link REGISTER_COOKIE_MS}. A time as far in the future is
   * accepted too: the replica that sealed it has its own clock.
   *
   * @throws DomainError `proof_invalid` when it is not ours, was altered or is too old.
   */
  open(cookie: Uint8Array, nowMs: number): OpenedCookie {
    const nonce = Buffer.from(cookie.subarray(0, NONCE_BYTES));
    const plain = this.#unseal(nonce, cookie);
    const ageMs = nowMs - Number(plain.readBigUInt64BE(2 * WIREGUARD_KEY_BYTES));
    if (Math.abs(ageMs) > REGISTER_COOKIE_MS) {
      throw new DomainError('proof_invalid', `cookie: want one of the last ${REGISTER_COOKIE_MS / 1000} s; begin again`);
    }
    const [privateKey, publicKey] = [plain.subarray(0, WIREGUARD_KEY_BYTES), plain.subarray(WIREGUARD_KEY_BYTES, 2 * WIREGUARD_KEY_BYTES)];
    return { nonce, serverKeys: { privateKey, publicKey } };
  }

  #unseal(nonce: Buffer, cookie: Uint8Array): Buffer {
    if (cookie.length !== COOKIE_BYTES) {
      throw new DomainError('proof_invalid', `cookie: want ${COOKIE_BYTES} octets, got ${cookie.length}`);
    }
    const tagAt = COOKIE_BYTES - TAG_BYTES;
    const decipher = createDecipheriv('aes-256-gcm', this.#keyFor(nonce), ZERO_IV, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(cookie.subarray(tagAt));
    try {
      return Buffer.concat([decipher.update(cookie.subarray(NONCE_BYTES, tagAt)), decipher.final()]);
    } catch (cause) {
      throw new DomainError('proof_invalid', 'cookie: not sealed by this cluster; begin again', { cause });
    }
  }

  #keyFor(nonce: Uint8Array): Buffer {
    return hkdf(this.#secret, nonce, 'nc register cookie');
  }
}
