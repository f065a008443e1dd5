import type { RelayInfo } from '../../gen/networkcontroller/v1/admin.js';
import { formatExpiry, formatTime, isoTime } from '../../platform/measures.js';
import type { Colors } from '../../platform/output.js';
import type { Column } from '../../platform/text-table.js';

/** All of a relay, for programs. */
export function relayJson({ name, endpoints, state, lastSeenMs, createdAtMs, certificateExpiresAtMs, wgPublicKey, version }: RelayInfo) {
  return {
    name,
    endpoints,
    state,
    lastSeenAt: isoTime(lastSeenMs),
    createdAt: isoTime(createdAtMs),
    certificateExpiresAt: isoTime(certificateExpiresAtMs),
    wgPublicKey: wgPublicKey.toString('base64'),
    version,
  };
}

/** The columns of a list of relays: one line each. */
export function relayColumns(colors: Colors, nowMs: number): Column<RelayInfo>[] {
  return [
    { title: 'NAME', cell: ({ name }) => name },
    { title: 'STATE', cell: ({ state }) => (state === 'connected' ? colors.green(state) : state === 'invited' ? state : colors.red(state)) },
    { title: 'LAST SEEN', cell: ({ lastSeenMs }) => (lastSeenMs === 0 ? '-' : formatTime(lastSeenMs)) },
    { title: 'ENDPOINTS', cell: ({ endpoints }) => endpoints.join(',') },
    { title: 'CERTIFICATE', cell: ({ certificateExpiresAtMs }) => (certificateExpiresAtMs === 0 ? '-' : formatExpiry(certificateExpiresAtMs, nowMs)), yields: 2 },
    { title: 'VERSION', cell: ({ version }) => version || '-', wide: true },
  ];
}
