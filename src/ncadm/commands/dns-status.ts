import type { Command } from 'commander';
import { GetDnsRequest } from '../../gen/networkcontroller/v1/dns.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { dnsJson, dnsLines } from '../views/dns-view.js';

/** `ncadm dns status`: the zones, and how many answers came from where. */
export function addDnsStatus(parent: Command, session: Session): void {
  parent
    .command('status')
    .description('show the zones and how many answers came from where')
    .addHelpText('after', examples('ncadm dns status'))
    .action(
      session.remote<object, []>(async ({ api, output }) => {
        const dns = await api.call('getDns', GetDnsRequest.create());
        output.result(dnsJson(dns), () => dnsLines(dns));
      }),
    );
}
