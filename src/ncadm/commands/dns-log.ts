import { Argument, type Command } from 'commander';
import { LogDnsQueriesRequest } from '../../gen/networkcontroller/v1/dns.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';

/** `ncadm dns log`: switches the query log. */
export function addDnsLog(parent: Command, session: Session): void {
  parent
    .command('log')
    .description('log every query with the way of its answer, until switched off or the controller\'s next start')
    .addArgument(new Argument('<switch>').choices(['on', 'off']))
    .addHelpText('after', examples('ncadm dns log on'))
    .action(
      session.remote<object, [string]>(async ({ api, output }, word) => {
        const { on } = await api.call('logDnsQueries', LogDnsQueriesRequest.create({ on: word === 'on' }));
        output.result({ on }, () => `Queries are ${on ? 'logged' : 'not logged any more'}`);
      }),
    );
}
