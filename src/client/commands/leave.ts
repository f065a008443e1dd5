import type { Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import { silentLog } from '../../platform/log.js';
import type { ClientConfig } from '../../platform/config/client-config.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import type { Membership } from '../state/membership.js';
import { StateFolder } from '../state/state-folder.js';
import { endAgent, unregisterNode } from '../teardown.js';

/** `nc-client leave`: the membership ends, and nothing of it is left on this machine. */
export function addLeave(parent: Command, session: Session): void {
  parent
    .command('leave')
    .description('unregister this node, end its agent and remove everything of it from this machine')
    .option('--force', 'also when the controller cannot be told; it keeps the node until an admin removes it')
    .addHelpText('after', examples('nc-client leave', 'nc-client leave --force'))
    .action(
      session.node<{ readonly force?: true }, []>(async ({ config, output, options }) => {
        const state = openForLeaving(config);
        const membership = readMembership(state, options.force ?? false);
        const told = membership !== undefined && (await tellController(config, state, membership, options.force ?? false));
        await endAgent(config, state, false);
        state.destroy();
        output.result({ left: true, unregistered: told }, () => `left the network${told ? '' : '; the controller was not told'}`);
      }),
    );
}

function openForLeaving({ stateDir }: ClientConfig): StateFolder {
  const state = StateFolder.openExisting(stateDir, silentLog);
  if (state === undefined) throw new DomainError('not_initialised', `${stateDir}: this machine has not joined a network`);
  return state;
}

/** With --force, a state folder that cannot be read is removed all the same, and so is one of a half-done join. */
function readMembership(state: StateFolder, force: boolean): Membership | undefined {
  try {
    const membership = state.membership();
    if (membership !== undefined || force) return membership;
    throw new DomainError('not_initialised', `${state.path}: this machine has not joined a network; --force removes what a half-done join left`);
  } catch (error) {
    if (!force || !(error instanceof DomainError)) throw error;
    return undefined;
  }
}

async function tellController(config: ClientConfig, state: StateFolder, membership: Membership, force: boolean): Promise<boolean> {
  try {
    await unregisterNode(config, state, membership);
    return true;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    if (force) return false;
    throw new DomainError(error.code, `the controller could not be told (${error.message}); --force leaves all the same`, { cause: error });
  }
}
