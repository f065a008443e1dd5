import { Argument, type Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import { openJoinedState, withAgent } from '../agent-client.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';

const TYPES = ['A', 'AAAA', 'CAA', 'CNAME', 'MX', 'NS', 'PTR', 'SOA', 'SRV', 'TXT'];

/** `nc-client resolve`: a name of the network, from this node's own map. */
export function addResolve(parent: Command, session: Session): void {
  parent
    .command('resolve')
    .description('look a name of the network up, whether the controller answers or not')
    .argument('<name>', 'a node\'s name, a full name of the zone, or an address for PTR')
    .addArgument(new Argument('[type]', 'record type').choices(TYPES).default('A'))
    .addHelpText('after', examples('nc-client resolve web-1', 'nc-client resolve registry.svc.nc.internal', 'nc-client resolve _registry._tcp.svc.nc.internal SRV'))
    .action(
      session.node<object, [string, string]>(async ({ config, output }, name, type) => {
        const found = await withAgent(openJoinedState(config).socketPath, (agent) => agent.resolve({ name, type }));
        if (found.rcode !== 'NOERROR') throw new DomainError('node_unknown', `${name}: no such name in the network (${found.rcode})`);
        output.result({ name, type, answers: found.answers, ttlSeconds: found.ttlSeconds }, () => found.answers.join('\n'));
        if (found.answers.length === 0) output.note(`${name} has no ${type} record`);
      }),
    );
}
