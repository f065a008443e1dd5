import { DomainError } from '../../domain/errors.js';
import type { SnapshotHeader } from '../../gen/networkcontroller/store/v1/snapshot.js';
import type { KeyAndValue } from './record-digest.js';
import type { JournalLine } from './revocation-journal.js';

/** What ended, or only grows, after a snapshot was taken. */
export interface EndsSince {
  /** Ended nodes by id, and whether their keys may not come back. */
  readonly nodes: ReadonlyMap<string, { readonly revoked: boolean }>;
  /** The newest of each key, in the order of keys. */
  readonly records: readonly KeyAndValue[];
  /** Up to when the journal tells, UTC ms; 0 when it has told of nothing. */
  readonly lastMs: number;
}

/** Nothing ended. */
export const NO_ENDS: EndsSince = { nodes: new Map(), records: [], lastMs: 0 };

/**
 * What a journal has to say on top of a snapshot.
 *
 * @throws DomainError `revocations_unknown` when it does not cover all that came after the snapshot.
 */
export function endsSince(lines: readonly JournalLine[], { clusterId, epoch, revision }: Pick<SnapshotHeader, 'clusterId' | 'epoch' | 'revision'>): EndsSince {
  const own = lines.filter((line) => line.cluster === clusterId && line.epoch === epoch);
  // A later "since" means that it had lost its place.
  const starts = own.filter((line) => 'since' in line).map((line) => BigInt(line.rev));
  if (starts.length === 0 || starts.some((from) => from > revision)) {
    const begins = starts.length === 0 ? 'says nothing of this cluster and epoch' : `has a gap before revision ${starts.at(-1)}`;
    throw new DomainError('revocations_unknown', `journal: want all that ended after revision ${revision} of cluster ${clusterId}, but it ${begins}`);
  }
  const nodes = new Map<string, { revoked: boolean }>();
  const records = new Map<string, Buffer>();
  let lastMs = 0;
  for (const line of own) {
    if (BigInt(line.rev) <= revision || !('at' in line)) continue;
    lastMs = Math.max(lastMs, Date.parse(line.at));
    if ('node' in line) nodes.set(line.node, { revoked: line.revoked });
    else records.set(line.key, Buffer.from(line.value, 'base64'));
  }
  const sorted = [...records].map(([key, value]) => ({ key, value })).sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  return { nodes, records: sorted, lastMs };
}
