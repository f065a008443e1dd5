import type { Command } from 'commander';
import { RemoveRecordRequest } from '../../gen/networkcontroller/v1/dns.js';
import { confirm } from '../confirm.js';
import { findRecords } from '../record-target.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { recordJson, recordLine } from '../views/dns-view.js';

interface Options {
  readonly type?: string;
  readonly network?: string;
  readonly yes?: boolean;
}

/** `ncadm dns record remove`: takes records away that were added. */
export function addDnsRecordRemove(parent: Command, session: Session): void {
  parent
    .command('remove')
    .description('remove a record, or all that were added at a name')
    .argument('<record>', 'its id, or its name')
    .option('--type <type>', 'of a name, only the records of this type')
    .option('--network <name>', 'of a name, only those that this network alone sees')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples('ncadm dns record remove www.nc.internal', 'ncadm dns record remove nc.internal --type MX --yes'))
    .action(
      session.remote<Options, [string]>(async ({ api, io, output, options }, target) => {
        const found = await findRecords(api, target, options);
        await confirm(io, `Remove ${found.map(recordLine).join(', ')}?`, options);
        const { type = '', network = '' } = options;
        const { records } = await api.call('removeRecord', RemoveRecordRequest.create({ record: target, type, network }));
        output.result(records.map(recordJson), () => records.map((record) => `Record removed: ${recordLine(record)}`).join('\n'));
      }),
    );
}
