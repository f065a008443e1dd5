import type { Service, ServiceEvent } from '../../gen/networkcontroller/v1/types.js';
import { formatAge, isoTime } from '../../platform/measures.js';
import type { Colors } from '../../platform/output.js';
import type { Column } from '../../platform/text-table.js';

/** All of a service, for programs. */
export function serviceJson(service: Service) {
  const { createdAtMs, sinceMs, ...rest } = service;
  return { ...rest, createdAt: isoTime(createdAtMs), since: isoTime(sinceMs) };
}

/** One step of a watch, for programs: `put` with the service, `removed` with its network and id, or `synced`. */
export function serviceEventJson({ event, revision }: ServiceEvent) {
  const service = event?.$case === 'put' ? serviceJson(event.value) : event?.$case === 'removed' ? event.value : undefined;
  return { revision, event: event?.$case ?? '', ...(service && { service }) };
}

/** One step of a watch as a line. */
export function serviceEventText(colors: Colors, { event }: ServiceEvent): string {
  switch (event?.$case) {
    case 'put':
      return `${event.value.network}/${event.value.id}  ${event.value.name}  ${portText(event.value)}  ${stateText(colors, event.value)}`;
    case 'removed':
      return `${event.value.network}/${event.value.id}  ${colors.red('removed')}`;
    default:
      return colors.dim('these are all; what follows are changes');
  }
}

/** The columns of a list of services: one line for each instance. */
export function serviceColumns(colors: Colors, nowMs: number): Column<Service>[] {
  return [
    { title: 'NAME', cell: ({ name }) => colors.bold(name), yields: 1 },
    { title: 'NODE', cell: ({ nodeId }) => nodeId || '-', yields: 3 },
    { title: 'ADDRESS', cell: ({ address }) => address || '(node)' },
    { title: 'PORT', cell: portText },
    { title: 'CHANNEL', cell: ({ channel }) => channel || 'stable' },
    { title: 'STATE', cell: (service) => stateText(colors, service), yields: 2 },
    { title: 'LEASE', cell: leaseText },
    { title: 'HEALTH', cell: ({ health }) => healthText(colors, health) },
    { title: 'AGE', cell: ({ createdAtMs }) => formatAge(createdAtMs, nowMs) },
    { title: 'TYPE', cell: ({ type }) => type || '-', wide: true },
    { title: 'ROLE', cell: ({ role }) => role || '-', wide: true },
    { title: 'SINCE', cell: ({ sinceMs }) => formatAge(sinceMs, nowMs), wide: true },
    { title: 'NETWORK', cell: ({ network }) => network, wide: true },
    { title: 'TTL', cell: ({ ttlSeconds }) => (ttlSeconds === 0 ? '-' : `${ttlSeconds}s`), wide: true },
    { title: 'ID', cell: ({ id }) => id, wide: true },
  ];
}

function portText({ port, protocol }: Service): string {
  return port === 0 ? '-' : `${port}/${protocol || 'tcp'}`;
}

function stateText(colors: Colors, { withheld }: Service): string {
  return withheld === '' ? colors.green('answered') : colors.yellow(withheld);
}

/** What is left of the lease, and how long it is. */
function leaseText({ leaseSeconds, leaseLeftMs, withNode }: Service): string {
  if (withNode) return 'node';
  return leaseSeconds === 0 ? '-' : `${Math.ceil(leaseLeftMs / 1000)}/${leaseSeconds}s`;
}

function healthText(colors: Colors, health: string): string {
  return health === 'failing' ? colors.red(health) : health || '-';
}
