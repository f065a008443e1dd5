import type { TrustBundle } from '../../gen/networkcontroller/v1/types.js';
import type { MemberKeys } from '../../platform/member-keys.js';

/** What the controller granted, in plain words. */
export interface MembershipFacts {
  readonly nodeId: string;
  readonly name: string;
  readonly network: string;
  readonly clusterId: string;
  /** Overlay addresses without prefix length; `bindIp6` empty without IPv6. */
  readonly bindIp: string;
  readonly bindIp6: string;
  /** host:port of the control listeners (6440). */
  readonly controlEndpoints: readonly string[];
  /** host:port of the bootstrap listeners (6439). */
  readonly bootstrapEndpoints: readonly string[];
  readonly joinedAtMs: number;
}

/** One whole, consistent state of a node's membership: what one generation folder holds. */
export interface Membership {
  readonly keys: MemberKeys;
  /** `ncn1_<node id>.<secret>`. */
  readonly nodeToken: string;
  /** DER. */
  readonly grpcCertificate: Buffer;
  /** DER. */
  readonly networkCertificate: Buffer;
  readonly bundle: TrustBundle;
  readonly facts: MembershipFacts;
}
