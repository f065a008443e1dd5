import type { Replica } from '../../gen/networkcontroller/v1/admin.js';
import { formatAge, isoTime } from '../../platform/measures.js';
import type { Colors } from '../../platform/output.js';
import type { Column } from '../../platform/text-table.js';

/** All of a server of the cluster, for programs. */
export function replicaJson(replica: Replica) {
  const { id, name, state, dataCentre, version, startedAtMs, appliedRevision, lagRevisions, agents, cpuPercent, leads, isSelf } = replica;
  const { control, bootstrap, wireguard, https, dns } = replica;
  return {
    ...{ id, name, state, dataCentre, version, startedAt: isoTime(startedAtMs) },
    ...{ revision: appliedRevision, lag: lagRevisions, agents, cpuPercent, leads, answers: isSelf },
    endpoints: { control, bootstrap, wireguard, https, dns },
  };
}

/** The columns of a list of servers: one line each. */
export function replicaColumns(colors: Colors, nowMs: number): Column<Replica>[] {
  return [
    { title: 'SERVER', cell: ({ name, isSelf }) => (isSelf ? colors.bold(name) : name) },
    { title: 'STATE', cell: ({ state }) => (state === 'running' || state === 'observer' ? colors.green(state) : colors.yellow(state)) },
    { title: 'DATA CENTRE', cell: ({ dataCentre }) => dataCentre || '-' },
    { title: 'AGENTS', cell: ({ agents }) => String(agents) },
    { title: 'CPU', cell: ({ cpuPercent }) => `${cpuPercent} %`, yields: 2 },
    { title: 'REVISION', cell: ({ appliedRevision }) => String(appliedRevision) },
    { title: 'LAG', cell: ({ lagRevisions }) => String(lagRevisions) },
    { title: 'LEADS', cell: ({ leads }) => leads.join(',') || '-' },
    { title: 'CONTROL', cell: ({ control }) => control.join(',') || '-', yields: 1 },
    { title: 'STARTED', cell: ({ startedAtMs }) => formatAge(startedAtMs, nowMs), yields: 3 },
    { title: 'VERSION', cell: ({ version }) => version || '-', wide: true },
  ];
}
