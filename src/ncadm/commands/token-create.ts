import { InvalidArgumentError, Option, type Command } from 'commander';
import { formatDuration, parseDuration } from '../../domain/duration.js';
import { DomainError } from '../../domain/errors.js';
import { CreateTokenRequest, type Token } from '../../gen/networkcontroller/v1/admin.js';
import { formatTime, isoTime } from '../../platform/measures.js';
import { examples } from '../../platform/run-command.js';
import { asOption, collect, wholeNumber } from '../options.js';
import type { Session } from '../session.js';

const NEVER = -1;
const DEFAULT_EXPIRE_MS = 600_000;
const REUSABLE_LIMIT_MS = 86_400_000;

interface Options {
  readonly expire: number;
  readonly unsafeNoExpiry?: boolean;
  readonly uses?: number;
  readonly reusable?: boolean;
  readonly unsafeReusable?: boolean;
  readonly label?: string;
  readonly network?: string;
  readonly name?: string;
  readonly ip?: string;
  readonly tag?: string[];
  readonly ephemeral?: boolean;
  readonly fromCidr?: string[];
}

/** `ncadm token create`: makes a bootstrap token and prints nothing but its join string, so that it pipes. */
export function addTokenCreate(parent: Command, session: Session): void {
  parent
    .command('create')
    .description('make a bootstrap token and print its join string, once')
    .addOption(
      new Option('--expire <duration>', 'how long it can be used: 90s, 10m, 7d, or never').argParser(asOption(parseExpire)).default(DEFAULT_EXPIRE_MS, '10m'),
    )
    .option('--unsafe-no-expiry', 'confirm --expire never: whoever finds the string can join for ever')
    .option('--uses <count>', 'how many nodes may join with it (default: 1)', wholeNumber(1, 1_000_000))
    .addOption(new Option('--reusable', 'any number of nodes may join with it').conflicts('uses'))
    .option('--unsafe-reusable', 'confirm --reusable for longer than 24h')
    .option('--label <text>', 'a remark that lists show')
    .option('--network <name>', 'the network that nodes join (default: "default")')
    .option('--name <name>', 'the name the node gets')
    .option('--ip <address>', 'the overlay address the node gets, and keeps')
    .option('--tag <tag>', 'a label for the node; may be given again', collect)
    .option('--ephemeral', 'the node goes by itself when it has been away for long')
    .option('--from-cidr <cidr>', 'use it only from here; may be given again', collect)
    .addHelpText('after', examples('ncadm token create --expire 10m | ssh node nc-client join', 'ncadm token create --uses 20 --expire 1d --tag rack-4', 'ncadm token create --name db --ip 10.66.0.9 -o json'))
    .action(
      session.remote<Options, []>(async ({ api, output, options, nowMs }) => {
        refuseUnsafe(options);
        const { token, join } = await api.call('createToken', toRequest(options));
        if (token === undefined) throw new DomainError('internal', 'the controller made a token and did not say which');
        output.result({ id: token.id, join, expiresAt: isoTime(token.expiresAtMs), uses: token.maxUses }, () => join);
        output.note(nextStep(token, nowMs));
      }),
    );
}

function parseExpire(text: string): number {
  return text === 'never' ? NEVER : parseDuration(text, 'expire');
}

function refuseUnsafe({ expire, unsafeNoExpiry, reusable, unsafeReusable }: Options): void {
  if (expire === 0) throw new InvalidArgumentError('expire: want a duration longer than 0');
  if (expire === NEVER && unsafeNoExpiry !== true) {
    throw new InvalidArgumentError('expire: a token that never expires wants --unsafe-no-expiry beside it');
  }
  if (reusable === true && unsafeReusable !== true && (expire === NEVER || expire > REUSABLE_LIMIT_MS)) {
    throw new InvalidArgumentError('expire: want at most 24h for a reusable token, or --unsafe-reusable beside it');
  }
}

function toRequest(options: Options): CreateTokenRequest {
  return CreateTokenRequest.create({
    expireMs: options.expire,
    maxUses: options.reusable === true ? 0 : (options.uses ?? 1),
    unboundedUses: options.reusable === true,
    label: options.label ?? '',
    network: options.network ?? '',
    nodeName: options.name ?? '',
    bindIp: options.ip ?? '',
    labels: options.tag ?? [],
    ephemeral: options.ephemeral === true,
    fromCidrs: options.fromCidr ?? [],
  });
}

function nextStep(token: Token, nowMs: number): string {
  const uses = token.maxUses === 0 ? 'any number of times' : token.maxUses === 1 ? 'once' : `${token.maxUses} times`;
  const until = token.expiresAtMs === 0 ? 'it never expires' : `it expires in ${formatDuration(token.expiresAtMs - nowMs)} (${formatTime(token.expiresAtMs)})`;
  return `Token ${token.id} can be used ${uses}; ${until}. It is a secret, shown this once.\nOn the node: nc-client join, with the string on its standard input.`;
}
