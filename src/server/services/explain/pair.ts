import type { NetworkRecord, NodeRecord } from '../../../gen/networkcontroller/store/v1/records.js';
import type { PathReport } from '../../../gen/networkcontroller/v1/node.js';
import { Endpoint_Kind, type Endpoint } from '../../../gen/networkcontroller/v1/types.js';
import type { StateNumber } from '../presence.js';
import type { ReportedPath } from '../reports.js';

/** What kind of NAT a node is behind, as far as the controller can tell. */
export type NatKind = 'open' | 'cone' | 'symmetric' | 'unknown';

/** One of two nodes, with all that this controller knows of it and of its way to the other. */
export interface PairEnd {
  readonly record: NodeRecord;
  /** The revision that made the record what it is. */
  readonly rev: bigint;
  readonly state: StateNumber;
  /** UTC ms, as the others; 0 for never. */
  readonly lastSeenMs: number;
  /** The last WireGuard handshake with the controller. */
  readonly controllerHandshakeMs: number;
  /** Where the controller sees it, or empty. */
  readonly endpoint: string;
  readonly nat: NatKind;
  /** Where it says it may be reached. */
  readonly candidates: readonly Endpoint[];
  readonly appliedRevision: bigint;
  readonly bundleVersion: number;
  readonly certificate: PairCertificate;
  /** How it says it reaches the other; undefined without a session. */
  readonly path: ReportedPath | undefined;
  /** What it answered when it was asked just now; undefined when it did not. */
  readonly told: PathReport | undefined;
}

/** A network certificate as a peer judges it. */
export interface PairCertificate {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Why a peer refuses it, or empty. */
  readonly problem: string;
}

/** Two nodes that both exist. */
export interface Pair {
  readonly from: PairEnd;
  readonly to: PairEnd;
  /** The network of `from`. */
  readonly network: NetworkRecord;
  /** The newest trust bundle. */
  readonly bundleVersion: number;
  readonly nowMs: number;
}

/**
 * What NAT stands before a node: none when it is seen at an address of its own.
 *
 * @param seen      Where the controller sees it, "address:port", or empty.
 * @param own       Where it says it may be reached.
 * @param symmetric Whether it found that each destination sees another port; undefined when it never said.
 */
export function natKind(seen: string, own: readonly Endpoint[], symmetric: boolean | undefined): NatKind {
  if (seen === '') return 'unknown';
  if (own.some(({ address, kind }) => kind === Endpoint_Kind.KIND_LOCAL && hostOf(address) === hostOf(seen))) return 'open';
  if (symmetric === undefined) return 'unknown';
  return symmetric ? 'symmetric' : 'cone';
}

function hostOf(endpoint: string): string {
  return endpoint.slice(0, endpoint.lastIndexOf(':'));
}
