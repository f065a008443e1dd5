import type { Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import { AddRecordRequest } from '../../gen/networkcontroller/v1/dns.js';
import { examples } from '../../platform/run-command.js';
import { wholeNumber } from '../options.js';
import type { Session } from '../session.js';
import { recordJson, recordLine } from '../views/dns-view.js';

interface Options {
  readonly ttl?: number;
  readonly network?: string;
}

/** `ncadm dns record add`: adds a record to a zone. */
export function addDnsRecordAdd(parent: Command, session: Session): void {
  parent
    .command('add')
    .description('add a DNS record; it is answered at once')
    .argument('<name>', 'its complete name, inside one of the zones; "*." in front for a wildcard')
    .argument('<type>', 'A, AAAA, CAA, CNAME, MX, NS, PTR, SRV or TXT')
    .argument('<value>', 'its data as a zone file has it, as one word')
    .option('--ttl <seconds>', 'how long an answer may be kept (default: 300)', wholeNumber(1, 2 ** 31 - 1))
    .option('--network <name>', 'only the nodes of this network see it (default: everybody)')
    .addHelpText('after', examples('ncadm dns record add www.nc.internal CNAME web-1.default.nc.internal', 'ncadm dns record add nc.internal MX "10 mail.nc.internal" --ttl 3600'))
    .action(
      session.remote<Options, [string, string, string]>(async ({ api, output, options }, name, type, value) => {
        const wanted = { name, type, value, ttlSeconds: options.ttl ?? 0, network: options.network ?? '' };
        const { record } = await api.call('addRecord', AddRecordRequest.fromPartial({ record: wanted }));
        if (record === undefined) throw new DomainError('internal', 'the controller added a record and did not say which');
        output.result(recordJson(record), () => `Record added: ${recordLine(record)} (${record.id})`);
      }),
    );
}
