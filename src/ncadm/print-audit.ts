import { ListAuditRequest, type AuditEntry } from '../gen/networkcontroller/v1/admin.js';
import { formatTime, isoTime } from '../platform/measures.js';
import type { Colors } from '../platform/output.js';
import type { Column } from '../platform/text-table.js';
import { PAGE_SIZE, readAllPages } from './pages.js';
import type { RemoteInvocation } from './session.js';

/** Which audit records are wanted; all when nothing is said. */
export interface AuditOptions {
  /** `local`, `admin:<name>`, `node:<id>`. */
  readonly actor?: string;
  /** `node/<id>`, `token/<id>`, … */
  readonly object?: string;
  /** `ok`, or the code of a refusal. */
  readonly result?: string;
}

/** Prints who changed what, and who was refused. */
export async function printAudit({ api, output, options: { actor = '', object = '', result = '' } }: RemoteInvocation<AuditOptions>): Promise<void> {
  const entries = await readAllPages(async (pageToken) => {
    const response = await api.call('listAudit', ListAuditRequest.create({ actor, object, result, pageToken, pageSize: PAGE_SIZE }));
    return { items: response.entries, next: response.nextPageToken };
  });
  output.table(entries.map(auditJson), auditColumns(output.colors), entries);
}

function auditJson({ id, atMs, actor, peerAddress, serial, method, object, network, result, reason }: AuditEntry) {
  return { id, at: isoTime(atMs), actor, peerAddress, serial, method, object, network, result, reason };
}

function auditColumns(colors: Colors): Column<AuditEntry>[] {
  return [
    { title: 'AT', cell: ({ atMs }) => formatTime(atMs) },
    { title: 'ACTOR', cell: ({ actor }) => actor, yields: 1 },
    { title: 'METHOD', cell: ({ method }) => method },
    { title: 'OBJECT', cell: ({ object }) => object || '-', yields: 2 },
    { title: 'RESULT', cell: ({ result }) => (result === 'ok' ? colors.green(result) : colors.red(result)) },
    { title: 'REASON', cell: ({ reason }) => reason || '-', yields: 3 },
    { title: 'FROM', cell: ({ peerAddress }) => peerAddress || '-', wide: true },
    { title: 'SERIAL', cell: ({ serial }) => serial || '-', wide: true },
  ];
}
