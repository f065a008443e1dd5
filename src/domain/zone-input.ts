import type { AddedRecord } from './dns-records.js';

/** A network as its zone needs it. */
export interface ZoneNetwork {
  readonly name: string;
  /** "10.66.0.0/24" */
  readonly cidr: string;
  /** "fd00:66::/64", or empty. */
  readonly cidr6: string;
}

/** A node as its zone needs it. */
export interface ZoneNode {
  readonly id: string;
  readonly network: string;
  readonly name: string;
  readonly bindIp: string;
  /** Empty without IPv6. */
  readonly bindIp6: string;
}

/** One instance of a service that shall be answered; one that is withheld or expired is removed instead. */
export interface ZoneService {
  /** The instance: one label, unique within the network. */
  readonly id: string;
  readonly name: string;
  readonly network: string;
  /** The node whose addresses are the answer unless `address` or `address6` is set. */
  readonly nodeId: string;
  /** IPv4 or IPv6, or empty. */
  readonly address: string;
  /** A second address, IPv6, or empty. */
  readonly address6?: string;
  readonly port: number;
  /** "tcp" or "udp". */
  readonly protocol: string;
  readonly weight: number;
  readonly priority: number;
  /** "stable", "beta", "alpha"; empty for stable. */
  readonly channel: string;
  readonly type: string;
  readonly role: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** How long an answer may be kept; 0 for the default. */
  readonly ttlSeconds: number;
}

/** One change of what a zone is made of. */
export type ZoneChange =
  | { readonly kind: 'network'; readonly network: ZoneNetwork }
  | { readonly kind: 'networkRemoved'; readonly name: string }
  | { readonly kind: 'node'; readonly node: ZoneNode }
  | { readonly kind: 'nodeRemoved'; readonly id: string }
  | { readonly kind: 'service'; readonly service: ZoneService }
  | { readonly kind: 'serviceRemoved'; readonly network: string; readonly id: string }
  | { readonly kind: 'record'; readonly record: AddedRecord }
  | { readonly kind: 'recordRemoved'; readonly id: string }
  /** All records of one source, a name of the store or a file, in place of those that it had before. All are shown or none. */
  | { readonly kind: 'records'; readonly source: string; readonly records: readonly AddedRecord[] };
