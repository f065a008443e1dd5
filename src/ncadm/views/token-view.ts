import type { Token } from '../../gen/networkcontroller/v1/admin.js';
import { formatAge, formatExpiry, isoTime } from '../../platform/measures.js';
import type { Colors } from '../../platform/output.js';
import type { Column } from '../../platform/text-table.js';

/** All of a token, for programs. Its secret is not part of it: the controller keeps a hash only. */
export function tokenJson(token: Token) {
  const { id, label, network, state, used, createdBy, nodeName, bindIp, labels, ephemeral, fromCidrs } = token;
  return {
    id,
    label,
    network,
    state,
    createdAt: isoTime(token.createdAtMs),
    expiresAt: isoTime(token.expiresAtMs),
    revokedAt: isoTime(token.revokedAtMs),
    uses: token.maxUses,
    used,
    createdBy,
    nodeName,
    bindIp,
    labels,
    ephemeral,
    fromCidrs,
  };
}

/** The columns of a list of tokens: one line each. */
export function tokenColumns(colors: Colors, nowMs: number): Column<Token>[] {
  return [
    { title: 'ID', cell: ({ id }) => id },
    { title: 'STATE', cell: ({ state }) => (state === 'usable' ? colors.green(state) : colors.dim(state)) },
    { title: 'USED', cell: (token) => `${token.used}/${token.maxUses === 0 ? '∞' : token.maxUses}`, align: 'right' },
    { title: 'EXPIRES', cell: ({ expiresAtMs }) => formatExpiry(expiresAtMs, nowMs) },
    { title: 'CREATED', cell: ({ createdAtMs }) => formatAge(createdAtMs, nowMs) },
    { title: 'BOUND TO', cell: (token) => boundTo(token), yields: 2 },
    { title: 'LABEL', cell: ({ label }) => label || '-', yields: 3 },
    { title: 'NETWORK', cell: ({ network }) => network, wide: true },
    { title: 'TAGS', cell: ({ labels }) => labels.join(',') || '-', wide: true },
    { title: 'BY', cell: ({ createdBy }) => createdBy, wide: true },
  ];
}

function boundTo({ nodeName, bindIp, fromCidrs, ephemeral }: Token): string {
  const from = fromCidrs.length > 0 ? `from ${fromCidrs.join(',')}` : '';
  return [nodeName, bindIp, from, ephemeral ? 'ephemeral' : ''].filter((part) => part !== '').join(' ') || '-';
}
