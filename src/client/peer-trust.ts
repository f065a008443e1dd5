import { DomainError } from '../domain/errors.js';
import type { Peer, Relay, TrustBundle } from '../gen/networkcontroller/v1/types.js';
import type { Log } from '../platform/log.js';
import { CaBundle } from '../platform/x509/ca-bundle.js';
import { readCrl, type Crl } from '../platform/x509/crl.js';
import { checkPeerClaim, verifyNetworkCertificate } from '../platform/x509/network-certificate.js';
import { verifyRelayCertificate } from '../platform/x509/relay-certificate.js';
import { readTrustBundle, type TrustedCas } from '../platform/x509/trust-bundle.js';
import type { PeerTrust } from './map-store.js';

/** What {@link NetworkTrust} begins with. */
export interface TrustDeps {
  readonly clusterId: string;
  /** The network that this node is in. */
  readonly network: string;
  readonly bundle: TrustBundle;
  readonly log: Log;
  /** A newer bundle is in force and shall survive a restart. */
  onBundle(bundle: TrustBundle): void;
}

/** Believes a peer whose network certificate the network CAs of the bundle signed, as long as it is current and not revoked. */
export class NetworkTrust implements PeerTrust {
  readonly #deps: TrustDeps;
  #cas: TrustedCas;
  #crl: Crl | undefined;

  /** @throws DomainError `certificate_invalid` when the bundle is unreadable. */
  constructor(deps: TrustDeps) {
    this.#deps = deps;
    this.#cas = { version: deps.bundle.version, grpc: casOf(deps.bundle.grpc), network: casOf(deps.bundle.network) };
  }

  /** The version of the bundle in force. */
  get bundleVersion(): number {
    return this.#cas.version;
  }

  verify({ nodeId, wgPublicKey, networkCertificate, bindIp, bindIp6, routes }: Peer, nowMs: number): number {
    const trust = { bundle: this.#cas.network, clusterId: this.#deps.clusterId, nowMs, crl: this.#crl };
    const identity = verifyNetworkCertificate(networkCertificate, trust);
    checkPeerClaim(identity, { nodeId, network: this.#deps.network, wgPublicKey, addresses: [bindIp, bindIp6].filter((address) => address !== ''), routes });
    return identity.notAfterMs;
  }

  verifyRelay({ name, wgPublicKey, certificate }: Relay, nowMs: number): number {
    const identity = verifyRelayCertificate(certificate, { bundle: this.#cas.network, clusterId: this.#deps.clusterId, nowMs, crl: this.#crl });
    if (identity.name === name && identity.wgPublicKey.equals(wgPublicKey)) return identity.notAfterMs;
    throw new DomainError('certificate_invalid', `relay certificate: it is relay ${identity.name}'s, or of another WireGuard key than ${name}'s`);
  }

  takeBundle(bundle: TrustBundle): boolean {
    if (bundle.version <= this.#cas.version) return false;
    return this.#tryTo('trust bundle ignored', () => {
      this.#cas = readTrustBundle(bundle, this.#cas.grpc);
      this.#deps.onBundle(bundle);
    });
  }

  takeCrl(der: Uint8Array): boolean {
    return this.#tryTo('revocation list ignored', () => {
      const crl = readCrl(der, this.#cas.network.certificates);
      if (crl.number < (this.#crl?.number ?? 0)) {
        throw new DomainError('certificate_invalid', `revocation list ${crl.number} is older than ${this.#crl?.number}, which is known`);
      }
      this.#crl = crl;
    });
  }

  /** What cannot be believed changes nothing: the controller has more than one way to be wrong. */
  #tryTo(otherwise: string, take: () => void): boolean {
    try {
      take();
      return true;
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      this.#deps.log.warn(otherwise, { reason: error.message });
      return false;
    }
  }
}

/** The bundle of the state folder was checked when it was written there. */
function casOf(purpose: TrustBundle['grpc']): CaBundle {
  return new CaBundle(purpose?.certificates ?? []);
}
