import type { PeerTrust } from '../../src/client/map-store.js';
import { NetworkTrust } from '../../src/client/peer-trust.js';
import type { Membership } from '../../src/client/state/membership.js';
import type { Peer, Relay, TrustBundle } from '../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../src/platform/log.js';

/**
 * The trust of all agents of a process: each peer's certificate is verified once and not once for each agent, who would be ten thousand
 * machines with ten thousand processors.
 */
export class SharedTrust implements PeerTrust {
  readonly #trust: NetworkTrust;
  readonly #verified = new Map<string, { readonly peer: Peer; readonly untilMs: number }>();

  constructor({ facts, bundle }: Membership) {
    this.#trust = new NetworkTrust({ clusterId: facts.clusterId, network: facts.network, bundle, log: silentLog, onBundle: () => this.#verified.clear() });
  }

  get bundleVersion(): number {
    return this.#trust.bundleVersion;
  }

  verify(peer: Peer, nowMs: number): number {
    const known = this.#verified.get(peer.nodeId);
    if (known !== undefined && nowMs < known.untilMs && sameClaim(known.peer, peer)) return known.untilMs;
    const untilMs = this.#trust.verify(peer, nowMs);
    this.#verified.set(peer.nodeId, { peer, untilMs });
    return untilMs;
  }

  verifyRelay(relay: Relay, nowMs: number): number {
    return this.#trust.verifyRelay(relay, nowMs);
  }

  takeBundle(bundle: TrustBundle): boolean {
    return this.#trust.takeBundle(bundle);
  }

  takeCrl(crl: Uint8Array): boolean {
    const taken = this.#trust.takeCrl(crl);
    if (taken) this.#verified.clear();
    return taken;
  }
}

function sameClaim(a: Peer, b: Peer): boolean {
  return a === b || (a.bindIp === b.bindIp && a.bindIp6 === b.bindIp6 && a.wgPublicKey.equals(b.wgPublicKey) && a.networkCertificate.equals(b.networkCertificate));
}
