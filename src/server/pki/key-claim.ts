import type { WireGuardKeyPair } from '../../platform/wireguard/keys.js';
import { verifyWireGuardProof } from '../../platform/wireguard/proof.js';
import { csrSpki } from '../../platform/x509/csr.js';

/** A WireGuard key that is to be proved together with the requests. */
export interface WireGuardClaim {
  readonly proof: Uint8Array;
  /** 16 octets. */
  readonly nonce: Uint8Array;
  /** The server's ephemeral pair. */
  readonly serverKeys: Readonly<Record<keyof WireGuardKeyPair, Uint8Array>>;
  /** X25519, 32 octets. */
  readonly publicKey: Uint8Array;
}

/** The keys that a caller says are its own. */
export interface KeyClaim {
  /** PKCS #10, DER. */
  readonly grpcCsr: Uint8Array;
  /** PKCS #10, DER. */
  readonly networkCsr: Uint8Array;
  /** Absent where the WireGuard key stays what it was. */
  readonly wireGuard?: WireGuardClaim | undefined;
}

/** The keys of a {@link KeyClaim}, proved. SubjectPublicKeyInfo, DER. */
export interface ProvedKeys {
  readonly grpcSpki: Uint8Array;
  readonly networkSpki: Uint8Array;
}

/**
 * Checks that a caller holds the keys it claims. Takes most of a millisecond of a core, which is why {@link KeyProofs} has threads for it.
 *
 * @throws DomainError `proof_invalid`, `csr_invalid`; `invalid_argument` for a WireGuard key of wrong length or form.
 */
export function proveKeys({ grpcCsr, networkCsr, wireGuard }: KeyClaim): ProvedKeys {
  if (wireGuard !== undefined) {
    const { proof, nonce, serverKeys, publicKey } = wireGuard;
    verifyWireGuardProof(proof, serverKeys, { nonce, wgPublicKey: publicKey, grpcCsr, networkCsr });
  }
  return { grpcSpki: csrSpki(grpcCsr), networkSpki: csrSpki(networkCsr) };
}
