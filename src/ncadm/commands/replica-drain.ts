import type { Command } from 'commander';
import { DrainReplicaRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { replicaJson } from '../views/replica-view.js';

/** `ncadm replica drain`: sends the nodes of a server to the others. */
export function addReplicaDrain(parent: Command, session: Session): void {
  parent
    .command('drain')
    .description('send the nodes of a server to the others, and give its jobs to them; it takes nodes again after its next start')
    .argument('<name>', 'its name or id, as in "ncadm replica list"')
    .addHelpText('after', examples('ncadm replica drain c2'))
    .action(
      session.remote<object, [string]>(async ({ api, output }, name) => {
        const { replica } = await api.call('drainReplica', DrainReplicaRequest.create({ replica: name }));
        if (replica !== undefined) output.result(replicaJson(replica), () => `${replica.name} sends its nodes away (${replica.agents} were connected); see: ncadm replica list\n`);
      }),
    );
}
