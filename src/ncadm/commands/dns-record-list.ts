import type { Command } from 'commander';
import { listRecords } from '../record-target.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { recordColumns, recordJson } from '../views/dns-view.js';

interface Options {
  readonly network?: string;
  readonly name?: string;
}

/** `ncadm dns record list`: the records that admins and files have added, one line each. */
export function addDnsRecordList(parent: Command, session: Session): void {
  parent
    .command('list')
    .description('list the records that were added, by whom or where')
    .option('--network <name>', 'only those that this network alone sees')
    .option('--name <name>', 'only those of this name')
    .addHelpText('after', examples('ncadm dns record list', 'ncadm dns record list --name www.nc.internal -o wide'))
    .action(
      session.remote<Options, []>(async ({ api, output, options, nowMs }) => {
        const records = await listRecords(api, { network: options.network ?? '', name: options.name ?? '' });
        output.table(records.map(recordJson), recordColumns(output.colors, nowMs), records);
      }),
    );
}
