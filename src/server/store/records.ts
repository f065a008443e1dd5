import { DomainError } from '../../domain/errors.js';
import {
  AddressRecord,
  ApiTokenRecord,
  AuditRecord,
  BundleRecord,
  CaRecord,
  CertificateRecord,
  ClockRecord,
  ClusterRecord,
  CrlRecord,
  DnsNameRecord,
  ExchangeRecord,
  NetworkRecord,
  NodeBundleRecord,
  NodeRecord,
  OwnerRecord,
  PresenceRecord,
  RelayRecord,
  ReplicaRecord,
  ServiceRecord,
  SignalRecord,
  TokenRecord,
} from '../../gen/networkcontroller/store/v1/records.js';
import { KINDS, ROOT, type RecordKind } from './keys.js';

/** What stands under a key of each kind. */
export interface RecordOf {
  cluster: ClusterRecord;
  network: NetworkRecord;
  node: NodeRecord;
  address: AddressRecord;
  name: OwnerRecord;
  wireguardKey: OwnerRecord;
  token: TokenRecord;
  use: OwnerRecord;
  exchange: ExchangeRecord;
  certificate: CertificateRecord;
  service: ServiceRecord;
  dnsName: DnsNameRecord;
  presence: PresenceRecord;
  nodeBundle: NodeBundleRecord;
  audit: AuditRecord;
  apiToken: ApiTokenRecord;
  relay: RelayRecord;
  clock: ClockRecord;
  crl: CrlRecord;
  ca: CaRecord;
  bundle: BundleRecord;
  /** Name of the snapshot. */
  restoring: string;
  replica: ReplicaRecord;
  signal: SignalRecord;
  /** Who asked for it. */
  drain: string;
  /** Id of the leader. */
  lead: string;
}

interface Codec<T> {
  encode(record: T): Uint8Array;
  decode(value: Uint8Array): T;
}

const CODECS: { readonly [K in RecordKind]: Codec<RecordOf[K]> } = {
  cluster: protobuf(ClusterRecord),
  network: protobuf(NetworkRecord),
  node: protobuf(NodeRecord),
  address: protobuf(AddressRecord),
  name: protobuf(OwnerRecord),
  wireguardKey: protobuf(OwnerRecord),
  token: protobuf(TokenRecord),
  use: protobuf(OwnerRecord),
  exchange: protobuf(ExchangeRecord),
  certificate: protobuf(CertificateRecord),
  service: protobuf(ServiceRecord),
  dnsName: protobuf(DnsNameRecord),
  presence: protobuf(PresenceRecord),
  nodeBundle: protobuf(NodeBundleRecord),
  audit: protobuf(AuditRecord),
  apiToken: protobuf(ApiTokenRecord),
  relay: protobuf(RelayRecord),
  clock: protobuf(ClockRecord),
  crl: protobuf(CrlRecord),
  ca: protobuf(CaRecord),
  bundle: protobuf(BundleRecord),
  restoring: text(),
  replica: protobuf(ReplicaRecord),
  signal: protobuf(SignalRecord),
  drain: text(),
  lead: text(),
};

function text(): Codec<string> {
  return { encode: (id) => new TextEncoder().encode(id), decode: (value) => new TextDecoder('utf-8', { fatal: true }).decode(value) };
}

function protobuf<T>(type: { encode(record: T): { finish(): Uint8Array }; decode(value: Uint8Array): T }): Codec<T> {
  return { encode: (record) => type.encode(record).finish(), decode: (value) => type.decode(value) };
}

/** The bytes of a record, as put into the store. */
export function encodeRecord<K extends RecordKind>(kind: K, record: RecordOf[K]): Uint8Array {
  return CODECS[kind].encode(record);
}

/**
 * The record in `value`, which stands under `key`.
 *
 * @throws DomainError `store_failed` when the bytes are no record of this kind.
 */
export function decodeRecord<K extends RecordKind>(kind: K, key: string, value: Uint8Array): RecordOf[K] {
  try {
    return CODECS[kind].decode(value);
  } catch (cause) {
    throw new DomainError('store_failed', `record ${key}: want a ${kind} record, got ${value.byteLength} bytes that are none`, { cause });
  }
}

/** What the path of `key` says after its kind: `['default', '3f', 'ab12']` for a node. */
export function pathOf(key: string, kind: RecordKind): string[] {
  return key.slice(ROOT.length + KINDS[kind].length + 1).split('/');
}
