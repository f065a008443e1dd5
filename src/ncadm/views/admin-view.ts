import type { Admin } from '../../gen/networkcontroller/v1/admin.js';
import { formatExpiry, isoTime } from '../../platform/measures.js';
import type { Colors } from '../../platform/output.js';
import type { Column } from '../../platform/text-table.js';

/** All of an admin's certificate, for programs. */
export function adminJson({ name, role, serial, expiresAtMs, revokedAtMs }: Admin) {
  return { name, role, serial, expiresAt: isoTime(expiresAtMs), revokedAt: isoTime(revokedAtMs) };
}

/** The columns of a list of admins: one line for each certificate. */
export function adminColumns(colors: Colors, nowMs: number): Column<Admin>[] {
  return [
    { title: 'NAME', cell: ({ name }) => colors.bold(name) },
    { title: 'ROLE', cell: ({ role }) => role },
    { title: 'STATE', cell: (admin) => stateOf(colors, admin, nowMs) },
    { title: 'EXPIRES', cell: ({ expiresAtMs }) => formatExpiry(expiresAtMs, nowMs) },
    { title: 'SERIAL', cell: ({ serial }) => serial, yields: 1 },
  ];
}

function stateOf(colors: Colors, { expiresAtMs, revokedAtMs }: Admin, nowMs: number): string {
  if (revokedAtMs !== 0) return colors.red('revoked');
  return expiresAtMs > nowMs ? colors.green('good') : colors.dim('expired');
}
