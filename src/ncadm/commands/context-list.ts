import type { Command } from 'commander';
import { adminSocketPath } from '../../platform/paths.js';
import type { Colors } from '../../platform/output.js';
import type { Column } from '../../platform/text-table.js';
import { LOCAL_CONTEXT, readContexts } from '../context-file.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';

interface Row {
  readonly name: string;
  readonly current: boolean;
  /** host:port, or the path of a socket. */
  readonly where: string;
  /** PEM file, or empty for a socket. */
  readonly certificate: string;
}

/** `ncadm context list`: the controllers that the user has named, and this machine's own. */
export function addContextList(parent: Command, session: Session): void {
  parent
    .command('list')
    .description('list the controllers that you have named, and this machine\'s own')
    .addHelpText('after', examples('ncadm context list', 'ncadm --context prod status'))
    .action(
      session.local<object, []>(async ({ io, output }) => {
        const { current, contexts } = await readContexts(io.env);
        const local = { name: LOCAL_CONTEXT, current: current === '', where: io.env['NC_ADMIN_SOCKET'] || adminSocketPath(), certificate: '' };
        const named = contexts.map((each) => ({ name: each.name, current: each.name === current, where: each.server ?? each.socket ?? '', certificate: each.certificate ?? '' }));
        const rows = [local, ...named];
        output.table(rows, contextColumns(output.colors), rows);
      }),
    );
}

function contextColumns(colors: Colors): Column<Row>[] {
  return [
    { title: 'CURRENT', cell: ({ current }) => (current ? colors.green('*') : '') },
    { title: 'NAME', cell: ({ name }) => colors.bold(name) },
    { title: 'WHERE', cell: ({ where }) => where, yields: 1 },
    { title: 'CERTIFICATE', cell: ({ certificate }) => certificate || '-', yields: 2 },
  ];
}
