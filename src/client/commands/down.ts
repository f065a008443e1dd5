import type { Command } from 'commander';
import { openJoinedState } from '../agent-client.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { endAgent } from '../teardown.js';

/** `nc-client down`: agent, interface, routes and sockets go; the membership stays. */
export function addDown(parent: Command, session: Session): void {
  parent
    .command('down')
    .description('end the agent and take the interface away; the node stays a member')
    .option('--keep-interface', 'leave the interface and its tunnels for the next agent, to upgrade without losing a packet')
    .addHelpText('after', examples('nc-client down', 'nc-client down --keep-interface && nc-client up --detach'))
    .action(
      session.node<{ readonly keepInterface?: true }, []>(async ({ config, output, options }) => {
        const ran = await endAgent(config, openJoinedState(config), options.keepInterface ?? false);
        output.result({ ended: ran }, () => (ran ? 'the agent has ended' : 'the agent was not running'));
      }),
    );
}
