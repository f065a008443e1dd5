import * as v from 'valibot';
import { DomainError } from '../../domain/errors.js';
import type { Sealed } from './sealed-file.js';
import type { SnapshotSummary } from './snapshot-format.js';

/** A snapshot that was written and read back: what stands beside it, and without which nobody believes in it. */
export interface Manifest extends Sealed {
  readonly name: string;
  readonly clusterId: string;
  readonly epoch: string;
  readonly revision: bigint;
  readonly schema: number;
  /** UTC ms. */
  readonly createdAtMs: number;
  readonly encrypted: boolean;
  readonly records: number;
  /** By kind. */
  readonly counts: Readonly<Record<string, number>>;
  /** Of the records alone, hex: equal for two snapshots of the same. */
  readonly digest: string;
}

/** What the name of every manifest ends in. */
export const MANIFEST_SUFFIX = '.json';

const SCHEMA = v.object({
  name: v.string(),
  clusterId: v.string(),
  epoch: v.string(),
  revision: v.pipe(v.string(), v.regex(/^\d+$/), v.transform((digits) => BigInt(digits))),
  schema: v.number(),
  createdAtMs: v.number(),
  encrypted: v.boolean(),
  records: v.number(),
  counts: v.record(v.string(), v.number()),
  digest: v.string(),
  bytes: v.number(),
  sha256: v.string(),
});

/** The name of a snapshot: when, at which revision, with which schema of records. */
export function snapshotName(summary: Pick<SnapshotSummary, 'createdAtMs' | 'revision' | 'schema'>): string {
  const at = new Date(summary.createdAtMs).toISOString().replace(/[-:]/g, '');
  return `${at}-r${summary.revision}-s${summary.schema}.ncsnap`;
}

/** Puts together what is known of a file and of what is in it. */
export function manifestOf(name: string, summary: SnapshotSummary, file: Sealed, encrypted: boolean): Manifest {
  const { clusterId, epoch, revision, schema, createdAtMs, records, counts, digest } = summary;
  return { name, clusterId, epoch, revision, schema, createdAtMs, encrypted, records, counts, digest: digest.toString('hex'), ...file };
}

/** The text of a manifest, JSON. */
export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value), 2)}\n`;
}

/**
 * Reads a manifest.
 *
 * @throws DomainError `snapshot_invalid`.
 */
export function parseManifest(text: string, name: string): Manifest {
  try {
    return v.parse(SCHEMA, JSON.parse(text));
  } catch (cause) {
    throw new DomainError('snapshot_invalid', `${name}: want the manifest of a snapshot, got something else`, { cause });
  }
}
