import type { Command } from 'commander';
import { QueryDnsRequest } from '../../gen/networkcontroller/v1/dns.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { answerLines } from '../views/dns-view.js';

interface Options {
  readonly network?: string;
  readonly dnssec?: boolean;
}

/** `ncadm dns query`: what the controller's own DNS answers, and where it has it from. */
export function addDnsQuery(parent: Command, session: Session): void {
  parent
    .command('query')
    .description('ask the controller\'s DNS, and see the way of the answer: zone, cache, upstream')
    .argument('<name>', 'the complete name')
    .argument('[type]', 'A, SRV, TYPE65 …', 'A')
    .option('--network <name>', 'ask as a node of this network (default: as a program on the controller\'s host)')
    .option('--dnssec', 'ask for signatures')
    .addHelpText('after', examples('ncadm dns query web-1.default.nc.internal', 'ncadm dns query _registry._tcp.svc.nc.internal SRV -o json'))
    .action(
      session.remote<Options, [string, string]>(async ({ api, output, options }, name, type) => {
        const answer = await api.call('queryDns', QueryDnsRequest.create({ name, type, network: options.network ?? '', dnssec: options.dnssec ?? false }));
        output.result(answer, () => answerLines(answer));
      }),
    );
}
