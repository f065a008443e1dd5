import type { Snapshot } from '../../gen/networkcontroller/v1/admin.js';
import { formatTime, isoTime } from '../../platform/measures.js';
import type { Column } from '../../platform/text-table.js';

/** All of a snapshot, for programs. */
export function snapshotJson({ createdAtMs, ...rest }: Snapshot) {
  return { ...rest, createdAt: isoTime(createdAtMs) };
}

/** A snapshot in a line. */
export function snapshotText({ name, records, revision, bytes, encrypted }: Snapshot): string {
  return `${name}: ${records} records at revision ${revision}, ${bytes} bytes${encrypted ? ', encrypted' : ''}`;
}

/** The columns of a list of snapshots. */
export function snapshotColumns(): Column<Snapshot>[] {
  return [
    { title: 'NAME', cell: ({ name }) => name },
    { title: 'TAKEN', cell: ({ createdAtMs }) => formatTime(createdAtMs) },
    { title: 'REVISION', cell: ({ revision }) => String(revision) },
    { title: 'RECORDS', cell: ({ records }) => String(records) },
    { title: 'BYTES', cell: ({ bytes }) => String(bytes), yields: 2 },
    { title: 'CLUSTER', cell: ({ clusterId }) => clusterId, yields: 3 },
    { title: 'ENCRYPTED', cell: ({ encrypted }) => (encrypted ? 'yes' : 'no'), wide: true },
    { title: 'DIGEST', cell: ({ digest }) => digest, wide: true },
  ];
}
