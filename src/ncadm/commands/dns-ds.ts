import type { Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import { GetDnsRequest } from '../../gen/networkcontroller/v1/dns.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';

/** `ncadm dns ds`: the records by which a parent, or a validator, vouches for the zones' keys. */
export function addDnsDs(parent: Command, session: Session): void {
  parent
    .command('ds')
    .description('print the DS records of the zones, for their parents or a validator\'s trust anchors')
    .addHelpText('after', examples('ncadm dns ds', 'ncadm dns ds -o json'))
    .action(
      session.remote<object, []>(async ({ api, output }) => {
        const { signed, keys } = await api.call('getDns', GetDnsRequest.create());
        if (!signed) throw new DomainError('dns_key_not_ready', 'the zones are not signed; set dns.sign in server.yml');
        const lines = keys.flatMap(({ ds, tag, state }) => ds.map((record) => ({ record, key: tag, state })));
        output.result(lines, () => lines.map(({ record, state }) => (state === 'retiring' ? `${record} ; retiring` : record)).join('\n'));
      }),
    );
}
