import type { Command } from 'commander';
import { VERSION } from '../../platform/version.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';

/** `ncadm version`: of this program. */
export function addVersion(parent: Command, session: Session): void {
  parent
    .command('version')
    .description('show the version of ncadm')
    .addHelpText('after', examples('ncadm version', 'ncadm version -o json'))
    .action(
      session.local<object, []>(({ output }) => {
        const value = { version: VERSION, node: process.versions.node, platform: `${process.platform}-${process.arch}` };
        output.result(value, () => `ncadm ${value.version} (Node ${value.node}, ${value.platform})`);
      }),
    );
}
