import { isNatPortRestricted } from './port-restriction.js';
import { isNatSymmetric } from './symmetric-nat.js';

/** What the NAT in front of a machine does that decides about direct paths. */
export interface NatKind {
  /** It gives each destination a port of its own. */
  readonly symmetric: boolean;
  /** It lets in only what comes from an address and port that was sent to. */
  readonly portRestricted: boolean;
}

/** What was found out about a NAT; undefined where no answer came. */
export interface NatFindings {
  readonly symmetric: boolean | undefined;
  readonly portRestricted: boolean | undefined;
}

/**
 * Finds out about the NAT in front of this machine. Takes a second where no answer comes.
 *
 * @param endpoints Two of one controller that answer STUN, IP literals.
 */
export async function probeNat(endpoints: readonly [string, string]): Promise<NatFindings> {
  const [symmetric, portRestricted] = await Promise.all([isNatSymmetric(endpoints), isNatPortRestricted(endpoints[0])]);
  return { symmetric, portRestricted };
}

/**
 * Whether a node behind `ours` can send to the port under which the controller sees a node behind `theirs`. Not if that port is for
 * the controller only, and not if our packets come from a port that the peer cannot have let in.
 *
 * @see RFC 5128 §3.4
 */
export function isSeenPortUseful(ours: NatKind, theirs: NatKind): boolean {
  return !theirs.symmetric && !(ours.symmetric && theirs.portRestricted);
}
