import { DomainError } from '../domain/errors.js';
import type { Peer } from '../gen/networkcontroller/v1/types.js';
import { CaBundle, readCertificate } from '../platform/x509/ca-bundle.js';
import { verifyNetworkCertificate } from '../platform/x509/network-certificate.js';
import type { Membership } from './state/membership.js';

/**
 * Finds the network certificate that the controller has made for the node's present key since the last renewal: another one is made when a
 * route is approved or withdrawn, and the one before may be revoked with it.
 *
 * @param self This node as the map has it.
 * @returns Undefined when the one in use is the newest, or that of the map cannot be believed.
 */
export function newerOwnCertificate({ networkCertificate, bundle, facts }: Membership, self: Peer | undefined, nowMs: number): Buffer | undefined {
  const offered = self?.networkCertificate ?? Buffer.alloc(0);
  if (offered.length === 0 || offered.equals(networkCertificate)) return undefined;
  try {
    const [own, other] = [readCertificate(networkCertificate), readCertificate(offered)];
    if (!other.publicKey.equals(own.publicKey) || Date.parse(other.validFrom) < Date.parse(own.validFrom)) return undefined;
    const { nodeId } = verifyNetworkCertificate(offered, { bundle: new CaBundle(bundle.network?.certificates ?? []), clusterId: facts.clusterId, nowMs });
    return nodeId === facts.nodeId ? offered : undefined;
  } catch (error) {
    if (error instanceof DomainError) return undefined;
    throw error;
  }
}
