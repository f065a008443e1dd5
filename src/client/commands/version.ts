import type { Command } from 'commander';
import { VERSION } from '../../platform/version.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';

/** `nc-client version`: of this program. */
export function addVersion(parent: Command, session: Session): void {
  parent
    .command('version')
    .description('show the version of nc-client')
    .addHelpText('after', examples('nc-client version', 'nc-client version -o json'))
    .action(
      session.plain<object, []>(({ output }) => {
        const value = { version: VERSION, node: process.versions.node, platform: `${process.platform}-${process.arch}` };
        output.result(value, () => `nc-client ${value.version} (Node ${value.node}, ${value.platform})`);
      }),
    );
}
