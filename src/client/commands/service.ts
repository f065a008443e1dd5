import { InvalidArgumentError, Option, type Command } from 'commander';
import { OfferServiceRequest, type Offer } from '../../gen/networkcontroller/v1/agent.js';
import type { Service } from '../../gen/networkcontroller/v1/types.js';
import { parseDuration } from '../../domain/duration.js';
import type { Colors } from '../../platform/output.js';
import type { Column } from '../../platform/text-table.js';
import { openJoinedState, withAgent } from '../agent-client.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';

interface Options {
  readonly port: number;
  readonly id?: string;
  readonly protocol: string;
  readonly type?: string;
  readonly channel: string;
  readonly role?: string;
  readonly weight?: number;
  readonly priority?: number;
  readonly meta?: Readonly<Record<string, string>>;
  readonly lease: string;
  readonly check?: string;
  readonly interval?: string;
}

/** `nc-client service`: what this node offers while its agent runs, beside the services of client.yml. */
export function addService(parent: Command, session: Session): void {
  const group = parent.command('service').description('offer services of this node under names of the network');
  addRegister(group, session);
  addDeregister(group, session);
  addList(group, session);
}

function addRegister(group: Command, session: Session): void {
  group
    .command('register')
    .description('offer a service until it is deregistered or the agent ends; its name answers with this node\'s overlay address')
    .argument('<name>', 'the service\'s name, a lower-case DNS label')
    .requiredOption('--port <port>', 'where it listens', wholeNumber)
    .option('--id <id>', 'the instance, a lower-case DNS label (default: <name>-<node>)')
    .addOption(new Option('--protocol <protocol>', 'of the port').choices(['tcp', 'udp']).default('tcp'))
    .option('--type <type>', 'discovery, security, consistency, batch, mq, bus or a word of your own')
    .addOption(new Option('--channel <channel>', 'the version channel').choices(['stable', 'beta', 'alpha']).default('stable'))
    .addOption(new Option('--role <role>', 'what the instance is').choices(['primary', 'replica']))
    .option('--weight <weight>', 'share of the load among equal priorities', wholeNumber)
    .option('--priority <priority>', 'lower is asked first', wholeNumber)
    .option('--meta <key=value>', 'a remark in its TXT record; may be given again', pair)
    .option('--lease <duration>', 'answered for so long after the agent\'s last word; "node": while the node is connected', '10s')
    .option('--check <url>', 'look whether it is well: tcp://host:port, http://…, https://… or grpc://host:port/service')
    .option('--interval <duration>', 'from one look to the next')
    .addHelpText('after', examples('nc-client service register registry --port 5000', 'nc-client service register web --port 80 --check http://127.0.0.1/health --interval 2s'))
    .action(
      session.node<Options, [string]>(async ({ config, output, options }, name) => {
        const { service, registered } = await withAgent(openJoinedState(config).socketPath, (agent) => agent.offerService(toRequest(name, options)));
        output.result({ ...service, registered }, () => `Service ${service?.name} offered as ${service?.id}`);
        if (!registered) output.note('the controller is not connected; it will be told with the next connection');
      }),
    );
}

function addDeregister(group: Command, session: Session): void {
  group
    .command('deregister')
    .description('take a service of this node back')
    .argument('<id>', 'the instance, as "nc-client service list" shows it')
    .addHelpText('after', examples('nc-client service deregister registry-web-1'))
    .action(
      session.node<object, [string]>(async ({ config, output }, id) => {
        await withAgent(openJoinedState(config).socketPath, (agent) => agent.withdrawService(id));
        output.result({ id }, () => `Service ${id} taken back`);
      }),
    );
}

function addList(group: Command, session: Session): void {
  group
    .command('list')
    .description('list what this node offers')
    .addHelpText('after', examples('nc-client service list', 'nc-client service list -o json'))
    .action(
      session.node<object, []>(async ({ config, output }) => {
        const offers = await withAgent(openJoinedState(config).socketPath, (agent) => agent.listOffers());
        output.table(offers.map(offerJson), offerColumns(output.colors), offers);
      }),
    );
}

function toRequest(name: string, options: Options): OfferServiceRequest {
  const { lease, check, interval, meta, ...rest } = options;
  const leased = lease === 'node' ? { withNode: true } : { leaseSeconds: Math.ceil(parseDuration(lease, '--lease') / 1000) };
  return OfferServiceRequest.fromPartial({
    service: { ...rest, name, metadata: { ...meta }, ...leased },
    ...(check !== undefined && { checkUrl: check }),
    ...(interval !== undefined && { checkIntervalMs: parseDuration(interval, '--interval') }),
  });
}

function offerJson({ service, refused }: Offer): { service: Service | undefined; refused: string } {
  return { service, refused };
}

function offerColumns(colors: Colors): Column<Offer>[] {
  const cell = (show: (service: Service) => string) => ({ service }: Offer) => (service === undefined ? '-' : show(service));
  return [
    { title: 'ID', cell: cell(({ id }) => colors.bold(id)), yields: 2 },
    { title: 'NAME', cell: cell(({ name }) => name), yields: 1 },
    { title: 'PORT', cell: cell(({ port, protocol }) => `${port}/${protocol}`) },
    { title: 'CHANNEL', cell: cell(({ channel }) => channel) },
    { title: 'LEASE', cell: cell(({ leaseSeconds, withNode }) => (withNode ? 'node' : `${leaseSeconds}s`)) },
    { title: 'HEALTH', cell: cell(({ health }) => (health === 'failing' ? colors.red(health) : health || '-')) },
    { title: 'REASON', cell: ({ service, refused }) => refused || service?.healthReason || '-', yields: 3 },
  ];
}

function wholeNumber(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`Want a whole number, got "${text}".`);
}

function pair(text: string, previous: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError(`Want key=value, got "${text}".`);
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}
