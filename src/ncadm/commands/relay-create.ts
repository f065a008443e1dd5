import { Option, type Command } from 'commander';
import { parseDuration } from '../../domain/duration.js';
import { CreateRelayRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import { asOption, collect } from '../options.js';
import type { Session } from '../session.js';
import { relayJson } from '../views/relay-view.js';

const DEFAULT_EXPIRE_MS = 600_000;

interface Options {
  readonly endpoint: string[];
  readonly expire: number;
}

/** `ncadm relay create`: makes room for a relay and prints nothing but its join string, so that it pipes. */
export function addRelayCreate(parent: Command, session: Session): void {
  parent
    .command('create')
    .description('make room for a relay and print its join string, once')
    .argument('<name>', 'what to call it, a DNS label')
    .requiredOption('--endpoint <address:port>', 'where agents reach its UDP port (6441); may be given again', collect)
    .addOption(new Option('--expire <duration>', 'how long the join string can be used, at most 7d').argParser(asOption((text) => parseDuration(text, 'expire'))).default(DEFAULT_EXPIRE_MS, '10m'))
    .addHelpText('after', examples('ncadm relay create paris --endpoint 203.0.113.7:6441 | ssh paris nc-server --config relay.yml enrol'))
    .action(
      session.remote<Options, [string]>(async ({ api, output, options }, name) => {
        const { relay, join } = await api.call('createRelay', CreateRelayRequest.create({ name, endpoints: options.endpoint, expireMs: options.expire }));
        output.result(relay && { ...relayJson(relay), join }, () => join);
        output.note('It is a secret, shown this once, and good for one relay.\nOn its machine: nc-server enrol, with the string on its standard input, then nc-server --role relay.');
      }),
    );
}
