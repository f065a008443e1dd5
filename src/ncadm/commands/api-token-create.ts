import type { Command } from 'commander';
import { Option } from 'commander';
import { API_SCOPES, parseApiScope } from '../../domain/api-token.js';
import { parseDuration } from '../../domain/duration.js';
import { CreateApiTokenRequest } from '../../gen/networkcontroller/v1/admin.js';
import { formatTime, isoTime } from '../../platform/measures.js';
import { examples } from '../../platform/run-command.js';
import { asOption } from '../options.js';
import type { Session } from '../session.js';

interface Options {
  readonly scope: readonly string[];
  readonly node?: string;
  readonly network?: string;
  readonly label?: string;
  readonly expire: number;
}

const DEFAULT_EXPIRE_MS = 30 * 86_400_000;

/** `ncadm api-token create`: makes a token for programs and prints nothing but its text, so that it pipes. */
export function addApiTokenCreate(parent: Command, session: Session): void {
  parent
    .command('create')
    .description('make a token for the HTTPS interface and print it, once')
    .addOption(new Option('--scope <list>', `what it may do: ${API_SCOPES.join(', ')}`).argParser(asOption(parseScopes)).makeOptionMandatory())
    .option('--node <node>', 'the node for which alone it may register services (default: all)')
    .option('--network <name>', 'the network in which --node is looked up (default: "default")')
    .option('--label <text>', 'a remark that lists show')
    .addOption(new Option('--expire <duration>', 'how long it is good, at most 366d').argParser(asOption((text) => parseDuration(text, 'expire'))).default(DEFAULT_EXPIRE_MS, '30d'))
    .addHelpText('after', examples('ncadm api-token create --scope services:read,services:write --node web-1 --expire 7d', 'ncadm api-token create --scope status:read --label dashboard'))
    .action(
      session.remote<Options, []>(async ({ api, output, options }) => {
        const { scope, node = '', network = '', label = '', expire } = options;
        const { token, text } = await api.call('createApiToken', CreateApiTokenRequest.create({ scopes: [...scope], node, network, label, lifetimeMs: expire }));
        output.result({ id: token?.id, token: text, expiresAt: isoTime(token?.expiresAtMs ?? 0) }, () => text);
        output.note(`It expires at ${formatTime(token?.expiresAtMs ?? 0)}. It is a secret, shown this once.\nSend it as "Authorization: Bearer …".`);
      }),
    );
}

function parseScopes(text: string): readonly string[] {
  return text.split(',').map((scope) => parseApiScope(scope, 'scope'));
}
