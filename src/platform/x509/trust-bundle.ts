import { TrustBundle } from '../../gen/networkcontroller/v1/types.js';
import { DomainError } from '../../domain/errors.js';
import { CaBundle } from './ca-bundle.js';
import { signP256, verifyP256, type P256KeyPair } from './p256.js';

/** A trust bundle that was checked, ready for use. */
export interface TrustedCas {
  readonly version: number;
  readonly grpc: CaBundle;
  readonly network: CaBundle;
}

/** Signs a bundle with the key of a gRPC CA that the bundle before it trusts. */
export function signTrustBundle(bundle: Omit<TrustBundle, 'signature'>, key: P256KeyPair): TrustBundle {
  return { ...bundle, signature: signP256(signedPart(bundle), key.privateKey) };
}

/**
 * Checks a bundle against the gRPC CAs trusted until now and reads it.
 *
 * @throws DomainError `certificate_invalid` when none of them signed it or it holds anything but CAs.
 */
export function readTrustBundle(bundle: TrustBundle, trusted: CaBundle): TrustedCas {
  const signed = signedPart(bundle);
  if (!trusted.certificates.some((ca) => verifyP256(signed, ca.publicKey, bundle.signature))) {
    throw new DomainError('certificate_invalid', `trust bundle ${bundle.version}: not signed by a gRPC CA that is trusted so far`);
  }
  const [grpc, network] = [bundle.grpc, bundle.network].map((purpose) => new CaBundle(purpose?.certificates ?? []));
  if (!grpc?.certificates.length || !network?.certificates.length) {
    throw new DomainError('certificate_invalid', `trust bundle ${bundle.version}: want at least one CA for each purpose`);
  }
  return { version: bundle.version, grpc, network };
}

function signedPart(bundle: Omit<TrustBundle, 'signature'>): Uint8Array {
  return TrustBundle.encode({ ...bundle, signature: Buffer.alloc(0) }).finish();
}
