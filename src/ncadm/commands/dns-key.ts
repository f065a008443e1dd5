import type { Command } from 'commander';
import { GetDnsRequest, RetireDnsKeyRequest, RollDnsKeyRequest } from '../../gen/networkcontroller/v1/dns.js';
import { confirm } from '../confirm.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { keyColumns, keyJson, nextKeyStep } from '../views/dns-view.js';

/** `ncadm dns key`: the keys that sign the zones, and their change. */
export function addDnsKey(parent: Command, session: Session): void {
  const key = parent.command('key').description('the keys that sign the zones');
  for (const add of [addStatus, addRoll, addRetire]) add(key, session);
}

function addStatus(parent: Command, session: Session): void {
  parent
    .command('status')
    .description('show the keys')
    .addHelpText('after', examples('ncadm dns key status'))
    .action(
      session.remote<object, []>(async ({ api, output, nowMs }) => {
        const { keys } = await api.call('getDns', GetDnsRequest.create());
        output.table(keys.map(keyJson), keyColumns(output.colors, nowMs), keys);
      }),
    );
}

function addRoll(parent: Command, session: Session): void {
  parent
    .command('roll')
    .description('make a new key, which signs beside the present one until that is retired')
    .addHelpText('after', examples('ncadm dns key roll'))
    .action(
      session.remote<object, []>(async ({ api, output }) => {
        const { dns } = await api.call('rollDnsKey', RollDnsKeyRequest.create());
        output.result((dns?.keys ?? []).map(keyJson), () => nextKeyStep(dns));
      }),
    );
}

function addRetire(parent: Command, session: Session): void {
  parent
    .command('retire')
    .description('take the older key away, a day after the roll and once its DS is gone from every parent and trust anchor')
    .option('--compromised', 'do not wait for the day: somebody else may have the key')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples('ncadm dns key retire'))
    .action(
      session.remote<{ readonly compromised?: boolean; readonly yes?: boolean }, []>(async ({ api, io, output, options }) => {
        await confirm(io, 'Take the older key away? Whoever knows only its DS will believe no answer any more.', options);
        const { dns } = await api.call('retireDnsKey', RetireDnsKeyRequest.create({ compromised: options.compromised ?? false }));
        output.result((dns?.keys ?? []).map(keyJson), () => nextKeyStep(dns));
      }),
    );
}
