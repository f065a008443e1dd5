import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { examples } from '../../platform/run-command.js';
import { lastLines, linesOf, supportBundle, writeBundle, type BundleParts } from '../../platform/support-bundle.js';
import { examine } from '../doctor/examine.js';
import { systemMachine } from '../doctor/machine.js';
import { admit } from '../doctor/patient.js';
import type { NodeInvocation, Session } from '../session.js';
import { statusJson } from '../views/status-view.js';

/** `nc-client support-bundle`: all that somebody who helps from afar needs to see, without a secret. */
export function addSupportBundle(parent: Command, session: Session): void {
  parent
    .command('support-bundle')
    .description('gather what somebody who helps needs to see, as YAML without keys and tokens')
    .argument('[file]', 'where to write it; without one, on stdout')
    .addHelpText('after', examples('nc-client support-bundle support.yml', 'nc-client support-bundle | less'))
    .action(
      session.node<object, [string?]>(async (invocation, file) => {
        const text = await supportBundle('nc-client', invocation.clock.now(), partsOf(invocation));
        if (file === undefined) return void invocation.io.stdout.write(text);
        writeBundle(file, text);
        invocation.output.result({ file }, () => `${file} is written; read it before you send it`);
      }),
    );
}

function partsOf({ config, clock }: NodeInvocation<object>): BundleParts {
  return {
    config: () => config,
    status: async () => statusJson(await systemMachine.agentStatus(config)),
    doctor: async () => examine(await admit(config, clock, systemMachine)),
    // Unlike "wg show dump" this hides the keys that are private.
    wireguard: () => linesOf('wg', 'show', config.interfaceName),
    addresses: () => linesOf('ip', '-brief', 'address'),
    routes: () => linesOf('ip', '-4', 'route'),
    routes6: () => linesOf('ip', '-6', 'route'),
    resolver: () => readFileSync('/etc/resolv.conf', 'utf8').trimEnd().split('\n'),
    log: () => lastLines(join(config.logDir, 'nc-client-log.log')),
  };
}
