import type { ApiToken } from '../../gen/networkcontroller/v1/admin.js';
import { formatExpiry, isoTime } from '../../platform/measures.js';
import type { Colors } from '../../platform/output.js';
import type { Column } from '../../platform/text-table.js';

/** All of an API token, for programs. Its secret is not part of it: the controller keeps a hash only. */
export function apiTokenJson({ id, scopes, nodeId, label, createdBy, createdAtMs, expiresAtMs, revokedAtMs }: ApiToken) {
  return { id, scopes, nodeId, label, createdBy, createdAt: isoTime(createdAtMs), expiresAt: isoTime(expiresAtMs), revokedAt: isoTime(revokedAtMs) };
}

/** The columns of a list of API tokens: one line each. */
export function apiTokenColumns(colors: Colors, nowMs: number): Column<ApiToken>[] {
  return [
    { title: 'ID', cell: ({ id }) => id },
    { title: 'STATE', cell: ({ revokedAtMs }) => (revokedAtMs === 0 ? colors.green('good') : colors.red('revoked')) },
    { title: 'SCOPES', cell: ({ scopes }) => scopes.join(',') },
    { title: 'EXPIRES', cell: ({ expiresAtMs }) => formatExpiry(expiresAtMs, nowMs) },
    { title: 'NODE', cell: ({ nodeId }) => nodeId || '-', yields: 2 },
    { title: 'LABEL', cell: ({ label }) => label || '-', yields: 3 },
    { title: 'BY', cell: ({ createdBy }) => createdBy, wide: true },
  ];
}
