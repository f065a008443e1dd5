import type { Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import { GetStatusRequest } from '../../gen/networkcontroller/v1/admin.js';
import type { Colors } from '../../platform/output.js';
import type { Column } from '../../platform/text-table.js';
import { probeBootstrap, type ListenerHealth } from '../bootstrap-probe.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';

/** `ncadm health`: whether the controller serves admins, and machines that want to join. */
export function addHealth(parent: Command, session: Session): void {
  parent
    .command('health')
    .description('ask the control and the bootstrap listeners whether they serve')
    .addHelpText('after', examples('ncadm health', 'ncadm health -o json || systemctl restart nc-server'))
    .action(
      session.remote<object, []>(async ({ api, output }) => {
        const status = await api.call('getStatus', GetStatusRequest.create({ summaryOnly: true }));
        const isServing = status.state === 'running' || status.state === 'degraded';
        const control: ListenerHealth = { listener: 'control', address: api.where, status: isServing ? 'serving' : 'not-serving', detail: status.state };
        const listeners = [control, ...(await probeBootstrap(status))];
        output.table(listeners, healthColumns(output.colors), listeners);
        refuseUnlessServing(listeners);
      }),
    );
}

function healthColumns(colors: Colors): Column<ListenerHealth>[] {
  const paint = { serving: colors.green, 'not-serving': colors.yellow, unreachable: colors.red };
  return [
    { title: 'LISTENER', cell: ({ listener }) => listener },
    { title: 'ADDRESS', cell: ({ address }) => address, yields: 1 },
    { title: 'STATUS', cell: ({ status }) => paint[status](status) },
    { title: 'DETAIL', cell: ({ detail }) => detail, yields: 2 },
  ];
}

/** The exit code tells the worst of them. */
function refuseUnlessServing(listeners: readonly ListenerHealth[]): void {
  const unreachable = listeners.find(({ status }) => status === 'unreachable');
  if (unreachable !== undefined) throw new DomainError('unavailable', `the ${unreachable.listener} listener cannot be reached at ${unreachable.address}`);
  const idle = listeners.find(({ status }) => status === 'not-serving');
  if (idle !== undefined) throw new DomainError('draining', `the ${idle.listener} listener does not serve: ${idle.detail}`);
}
