import {
  AddressRecord,
  AuditRecord,
  CertificateRecord,
  DnsNameRecord,
  NodeRecord,
  OwnerRecord,
  PresenceRecord,
  ServiceRecord,
  TokenRecord,
} from '../../../src/gen/networkcontroller/store/v1/records.js';
import { keys } from '../../../src/server/store/keys.js';
import { encodeRecord } from '../../../src/server/store/records.js';
import type { Operation } from '../../../src/server/store/store.js';

/** Puts a node; what `record` leaves out is empty. */
export function putNode(record: Parameters<typeof NodeRecord.fromPartial>[0] & { id: string }): Operation {
  const node = NodeRecord.fromPartial({ network: 'default', name: record.id, createdAtMs: 1_000, ...record });
  return { put: keys.node(node.network, node.id), value: encodeRecord('node', node) };
}

/** Puts what is known of a node's presence. */
export function putPresence(record: Parameters<typeof PresenceRecord.fromPartial>[0] & { nodeId: string }, network = 'default'): Operation {
  const presence = PresenceRecord.fromPartial(record);
  return { put: keys.presence(network, presence.nodeId), value: encodeRecord('presence', presence) };
}

/** Puts a bootstrap token. */
export function putToken(record: Parameters<typeof TokenRecord.fromPartial>[0] & { id: string }): Operation {
  const token = TokenRecord.fromPartial({ network: 'default', ...record });
  return { put: keys.token(token.id), value: encodeRecord('token', token) };
}

/** Puts what stands under an address. */
export function putAddress(network: string, address: string, record: Parameters<typeof AddressRecord.fromPartial>[0]): Operation {
  return { put: keys.address(network, address), value: encodeRecord('address', AddressRecord.fromPartial(record)) };
}

/** Puts the owner of a name. */
export function putName(network: string, name: string, record: Parameters<typeof OwnerRecord.fromPartial>[0]): Operation {
  return { put: keys.name(network, name), value: encodeRecord('name', OwnerRecord.fromPartial({ network, ...record })) };
}

/** Puts a service. */
export function putService(record: Parameters<typeof ServiceRecord.fromPartial>[0] & { id: string; name: string }): Operation {
  const service = ServiceRecord.fromPartial({ network: 'default', ...record });
  return { put: keys.service(service.network, service.name, service.id), value: encodeRecord('service', service) };
}

/** Puts all that admins added at a name. */
export function putDnsName(record: Parameters<typeof DnsNameRecord.fromPartial>[0] & { name: string }): Operation {
  return { put: keys.dnsName(record.name), value: encodeRecord('dnsName', DnsNameRecord.fromPartial(record)) };
}

/** Puts a certificate. */
export function putCertificate(record: Parameters<typeof CertificateRecord.fromPartial>[0] & { serial: string }): Operation {
  return { put: keys.certificate(record.serial), value: encodeRecord('certificate', CertificateRecord.fromPartial(record)) };
}

/** Puts an entry of the audit log. */
export function putAudit(id: string, record: Parameters<typeof AuditRecord.fromPartial>[0]): Operation {
  return { put: keys.audit(id), value: encodeRecord('audit', AuditRecord.fromPartial(record)) };
}
