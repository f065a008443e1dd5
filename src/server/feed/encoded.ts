import { createHash } from 'node:crypto';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { MapSnapshot, WatchResponse, type MapChange } from '../../gen/networkcontroller/v1/node.js';
import { NameRecords, type NetworkConfig, Peer, type Relay, type Service } from '../../gen/networkcontroller/v1/types.js';
import type { DnsNameRecord, NodeRecord, RelayRecord, ServiceRecord } from '../../gen/networkcontroller/store/v1/records.js';

/** Field numbers of `WatchResponse.snapshot` and `MapSnapshot.peers` in node.proto. */
const SNAPSHOT_FIELD = 1;
const PEERS_FIELD = 4;

/** Of a key of {@link nameRecordsOf}: 132 bits, so that no two names share one. */
const KEY_LENGTH = 22;

/** A node as its peers may know it: nothing of its tokens or of where it came from. */
export function peerOf(node: NodeRecord): Peer {
  return Peer.fromPartial({
    nodeId: node.id,
    name: node.name,
    bindIp: node.bindIp,
    bindIp6: node.bindIp6,
    wgPublicKey: node.wgPublicKey,
    networkCertificate: node.networkCertificate,
    labels: node.labels,
    routes: node.routes.filter((route) => node.advertisedRoutes.includes(route)),
  });
}

/** A relay as agents must know it. */
export function relayOf({ name, wgPublicKey, networkCertificate: certificate, endpoints }: RelayRecord): Relay {
  return { name, wgPublicKey, certificate, endpoints };
}

/** A service as the map carries it. */
export function serviceOf(record: ServiceRecord): Service {
  const { lapsedAtMs: _lapsedAtMs, owner: _owner, countedBy: _countedBy, ...service } = record;
  return { ...service, leaseLeftMs: 0 };
}

/**
 * What admins have added at one name, as nodes of `network` see it: nothing of what others alone see, not even the name, which the key
 * stands for.
 */
export function nameRecordsOf(name: string, added: DnsNameRecord['records'], network: string): NameRecords {
  const records = added.filter((record) => record.network === '' || record.network === network);
  const key = createHash('sha256').update(name).digest('base64url').slice(0, KEY_LENGTH);
  return NameRecords.fromPartial({ key, name: records.length === 0 ? '' : name, records: records.map(({ id, type, value, ttlSeconds }) => ({ id, type, value, ttlSeconds })) });
}

/** The bytes of a peer, made once and spliced into every snapshot that holds it. */
export function encodePeer(node: NodeRecord): Uint8Array {
  return Peer.encode(peerOf(node)).finish();
}

/** The bytes of a delta for everybody who watches. */
export function encodeDelta(revision: bigint, changes: readonly MapChange[]): Uint8Array {
  return WatchResponse.encode({ message: { $case: 'delta', value: { revision, changes: [...changes] } } }).finish();
}

/** The bytes of any other message of the stream. */
export function encodeMessage(message: NonNullable<WatchResponse['message']>): Uint8Array {
  return WatchResponse.encode({ message }).finish();
}

/**
 * One chunk of a snapshot around peers that are encoded already: encoding a thousand anew blocks the loop for
 * milliseconds, copying their bytes does not.
 */
export function encodeSnapshotChunk(head: Partial<MapSnapshot>, peers: readonly Uint8Array[]): Uint8Array {
  const body = new BinaryWriter();
  body.raw(MapSnapshot.encode(MapSnapshot.fromPartial(head)).finish());
  for (const peer of peers) body.uint32((PEERS_FIELD << 3) | 2).bytes(peer);
  return new BinaryWriter().uint32((SNAPSHOT_FIELD << 3) | 2).bytes(body.finish()).finish();
}

/** The change that a network's own settings make. */
export function networkChange(network: NetworkConfig): MapChange {
  return { change: { $case: 'network', value: network } };
}
