import { createHash, createHmac, diffieHellman, timingSafeEqual, type KeyObject } from 'node:crypto';
import { DomainError } from '../../domain/errors.js';
import { hkdf } from '../hkdf.js';
import { checkWireGuardPublicKey, x25519PrivateKey, x25519PublicKey, type WireGuardKeyPair } from './keys.js';

/** Octets of the nonce that opens a registration. */
export const NONCE_BYTES = 16;

const LABEL = 'nc-register-v1';

/** What a registration binds together; both sides know all of it. */
export interface RegistrationTranscript {
  /** {@link NONCE_BYTES} octets, chosen by the server. */
  readonly nonce: Uint8Array;
  /** The node's WireGuard public key, 32 octets. */
  readonly wgPublicKey: Uint8Array;
  /** PKCS #10, DER. */
  readonly grpcCsr: Uint8Array;
  /** PKCS #10, DER. */
  readonly networkCsr: Uint8Array;
}

/**
 * Proves possession of a WireGuard key: only who holds its private half, or the server's ephemeral one, can compute
 * the X25519 secret that keys this HMAC-SHA-256. Without it a node could register another node's key.
 *
 * @param wgPrivateKey The node's own, 32 octets.
 * @param serverKey    The server's ephemeral public key, 32 octets.
 * @returns 32 octets.
 * @throws DomainError `invalid_argument` for a wrong length; `proof_invalid` when the server's key is of low order.
 * @see RFC 7748 §6.1, RFC 5869
 */
export function makeWireGuardProof(wgPrivateKey: Uint8Array, serverKey: Uint8Array, transcript: RegistrationTranscript): Buffer {
  return authenticate(x25519PrivateKey(wgPrivateKey, transcript.wgPublicKey), serverKey, transcript);
}

/**
 * Checks what {@link makeWireGuardProof} made, in constant time.
 *
 * @param serverKeys The server's ephemeral pair.
 * @throws DomainError `proof_invalid` when the proof does not fit or the node's key is of low order;
 *   `invalid_argument` for a WireGuard key of wrong length or form.
 */
export function verifyWireGuardProof(proof: Uint8Array, serverKeys: Readonly<Record<keyof WireGuardKeyPair, Uint8Array>>, transcript: RegistrationTranscript): void {
  const serverKey = x25519PrivateKey(serverKeys.privateKey, serverKeys.publicKey);
  const expected = authenticate(serverKey, checkWireGuardPublicKey(transcript.wgPublicKey), transcript);
  if (proof.length !== expected.length || !timingSafeEqual(proof, expected)) {
    throw new DomainError('proof_invalid', 'wg_proof: does not prove possession of the WireGuard key for these requests');
  }
}

function authenticate(privateKey: KeyObject, publicKey: Uint8Array, transcript: RegistrationTranscript): Buffer {
  const key = hkdf(agree(privateKey, publicKey), new Uint8Array(), `${LABEL} wireguard proof`);
  return createHmac('sha256', key).update(encode(transcript)).digest();
}

function agree(privateKey: KeyObject, publicKey: Uint8Array): Buffer {
  const pair = { privateKey, publicKey: x25519PublicKey(publicKey) };
  try {
    return diffieHellman(pair);
  } catch (cause) {
    // OpenSSL refuses the all-zero secret that a point of low order gives (RFC 7748 §6.1): nobody proves with it.
    throw new DomainError('proof_invalid', 'wireguard key: a point of low order proves nothing', { cause });
  }
}

/** Every part has one length, so no two transcripts share an encoding. */
function encode({ nonce, wgPublicKey, grpcCsr, networkCsr }: RegistrationTranscript): Buffer {
  if (nonce.length !== NONCE_BYTES) {
    throw new DomainError('invalid_argument', `nonce: want ${NONCE_BYTES} octets, got ${nonce.length}`);
  }
  return Buffer.concat([Buffer.from(LABEL), nonce, wgPublicKey, sha256(grpcCsr), sha256(networkCsr)]);
}

function sha256(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}
