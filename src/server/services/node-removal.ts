import { AddressRecord, CertificateRecord, CertificateRecord_State, type NodeRecord } from '../../gen/networkcontroller/store/v1/records.js';
import { keys } from '../store/keys.js';
import type { LocalView, Versioned } from '../store/local-view.js';
import type { Compare, Operation } from '../store/store.js';

/** The part of a transaction that ends a node's membership. */
export interface Removal {
  readonly if: readonly Compare[];
  readonly then: readonly Operation[];
}

/**
 * Takes a node out: its record, name, key, presence, word of its trust and services go, its certificates are revoked.
 *
 * The address is not touched: whether it rests or changes hands at once is the caller's to say.
 *
 * @param nowMs   UTC ms, stands in the revoked certificates.
 * @param options `keepKey` leaves the WireGuard key taken for good, so that it cannot be registered again.
 */
export function removalOf(view: LocalView, node: Versioned<NodeRecord>, nowMs: number, options: { readonly keepKey?: boolean } = {}): Removal {
  const { id, network, name, wgPublicKey } = node.value;
  const certificates = view.certificatesOf('node', id).filter((entry) => entry.value.state !== CertificateRecord_State.STATE_REVOKED);
  return {
    if: [{ key: node.key, modRev: node.modRev }, ...certificates.map((entry) => ({ key: entry.key, modRev: entry.modRev }))],
    then: [
      { del: node.key },
      { del: keys.name(network, name) },
      ...(options.keepKey === true ? [] : [{ del: keys.wireguardKey(wgPublicKey.toString('hex')) }]),
      { del: keys.presence(network, id) },
      { del: keys.nodeBundle(network, id) },
      ...view.servicesOfNode(id).map((service) => ({ del: service.key })),
      ...certificates.map((entry) => revocationOf(entry, nowMs)),
    ],
  };
}

/** The write that revokes one certificate; its row stays until the certificate would have ended by itself. */
export function revocationOf(certificate: Versioned<CertificateRecord>, nowMs: number): Operation {
  const record: CertificateRecord = { ...certificate.value, state: CertificateRecord_State.STATE_REVOKED, revokedAtMs: nowMs };
  return { put: certificate.key, value: CertificateRecord.encode(record).finish(), expireAtMs: certificate.value.notAfterMs };
}

/** The write that lets a freed address rest before it is given out again. */
export function quarantineOf(node: NodeRecord, untilMs: number): Operation {
  const record = AddressRecord.fromPartial({ quarantinedUntilMs: untilMs });
  return { put: keys.address(node.network, node.bindIp), value: AddressRecord.encode(record).finish(), expireAtMs: untilMs };
}
