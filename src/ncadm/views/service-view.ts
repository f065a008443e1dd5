import type { Service } from '../../gen/networkcontroller/v1/types.js';
import { formatAge, isoTime } from '../../platform/measures.js';
import type { Colors } from '../../platform/output.js';
import type { Column } from '../../platform/text-table.js';

/** All of a service, for programs. */
export function serviceJson(service: Service) {
  const { createdAtMs, ...rest } = service;
  return { ...rest, createdAt: isoTime(createdAtMs) };
}

/** The columns of a list of services: one line for each instance. */
export function serviceColumns(colors: Colors, nowMs: number): Column<Service>[] {
  return [
    { title: 'NAME', cell: ({ name }) => colors.bold(name), yields: 1 },
    { title: 'NODE', cell: ({ nodeId }) => nodeId || '-', yields: 3 },
    { title: 'ADDRESS', cell: ({ address }) => address || '(node)' },
    { title: 'PORT', cell: ({ port, protocol }) => (port === 0 ? '-' : `${port}/${protocol || 'tcp'}`) },
    { title: 'CHANNEL', cell: ({ channel }) => channel || 'stable' },
    { title: 'STATE', cell: ({ withheld }) => (withheld === '' ? colors.green('answered') : colors.yellow(withheld)), yields: 2 },
    { title: 'AGE', cell: ({ createdAtMs }) => formatAge(createdAtMs, nowMs) },
    { title: 'TYPE', cell: ({ type }) => type || '-', wide: true },
    { title: 'NETWORK', cell: ({ network }) => network, wide: true },
    { title: 'TTL', cell: ({ ttlSeconds }) => (ttlSeconds === 0 ? '-' : `${ttlSeconds}s`), wide: true },
    { title: 'ID', cell: ({ id }) => id, wide: true },
  ];
}
