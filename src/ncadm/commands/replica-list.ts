import type { Command } from 'commander';
import { GetStatusRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { replicaColumns, replicaJson } from '../views/replica-view.js';

/** `ncadm replica list`: the servers of the cluster. */
export function addReplicaList(parent: Command, session: Session): void {
  parent
    .command('list')
    .description('list the servers of the cluster that run, with their load and what each of them leads')
    .addHelpText('after', examples('ncadm replica list', "ncadm replica list -o json | jq -r '.[] | select(.state != \"running\").name'"))
    .action(
      session.remote<object, []>(async ({ api, output, nowMs }) => {
        const { replicas } = await api.call('getStatus', GetStatusRequest.create({ summaryOnly: true }));
        output.table(replicas.map(replicaJson), replicaColumns(output.colors, nowMs), replicas);
      }),
    );
}
