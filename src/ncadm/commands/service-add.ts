import { InvalidArgumentError, Option, type Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import { parseDuration } from '../../domain/duration.js';
import { parseLabel } from '../../domain/names.js';
import { AddServiceRequest } from '../../gen/networkcontroller/v1/admin.js';
import { Service } from '../../gen/networkcontroller/v1/types.js';
import { findNode } from '../node-target.js';
import { examples } from '../../platform/run-command.js';
import { asOption, collectPair, wholeNumber } from '../options.js';
import type { RemoteInvocation, Session } from '../session.js';
import { serviceJson } from '../views/service-view.js';

interface Options {
  readonly node?: string;
  readonly address?: string;
  readonly network?: string;
  readonly port?: number;
  readonly protocol: string;
  readonly weight?: number;
  readonly priority?: number;
  readonly type?: string;
  readonly channel?: string;
  readonly role?: string;
  readonly id?: string;
  readonly lease?: string;
  readonly ttl?: number;
  readonly meta?: Record<string, string>;
}

/** `ncadm service add`: gives a name to something that a node offers. */
export function addServiceAdd(parent: Command, session: Session): void {
  parent
    .command('add')
    .description('add an instance of a service; its name answers with the node\'s overlay address')
    .argument('<name>', 'the service\'s name, a lower-case DNS label', asOption((text) => parseLabel(text, 'service')))
    .option('--node <node>', 'the node that offers it: id, name or node token')
    .option('--address <address>', 'answer with this address instead of the node\'s')
    .option('--network <name>', 'the network it is for (default: the node\'s)')
    .option('--port <port>', 'where it listens', wholeNumber(1, 65_535))
    .addOption(new Option('--protocol <protocol>', 'of the port').choices(['tcp', 'udp']).default('tcp'))
    .option('--weight <weight>', 'share of the load among equal priorities', wholeNumber(0, 65_535))
    .option('--priority <priority>', 'lower is asked first', wholeNumber(0, 65_535))
    .option('--type <type>', 'discovery, security, consistency, batch, mq, bus or a word of your own')
    .addOption(new Option('--channel <channel>', 'the version channel').choices(['stable', 'beta', 'alpha']))
    .addOption(new Option('--role <role>', 'what the instance is').choices(['primary', 'replica']))
    .option('--id <id>', 'the instance, a lower-case DNS label (default: <name>-<node>)', asOption((text) => parseLabel(text, 'id')))
    .option('--lease <duration>', 'withheld unless renewed for so long; "node": while its node is not connected', asOption(readLease))
    .option('--ttl <seconds>', 'how long resolvers may keep the answer', wholeNumber(0, 86_400))
    .option('--meta <key=value>', 'a remark; may be given again', collectPair)
    .addHelpText('after', examples('ncadm service add registry --node web-1 --port 5000', 'ncadm service add ntp --node db --port 123 --protocol udp --lease node -o json'))
    .action(
      session.remote<Options, [string]>(async (invocation, name) => {
        const { api, output } = invocation;
        const { service } = await api.call('addService', AddServiceRequest.create({ service: await toService(invocation, name) }));
        if (service === undefined) throw new DomainError('internal', 'the controller added a service and did not say which');
        output.result(serviceJson(service), () => `Service ${service.name} added on ${invocation.options.node ?? service.address} (${service.id})`);
      }),
    );
}

function readLease(text: string): string {
  leaseOf(text);
  return text;
}

function leaseOf(text: string): { withNode: boolean } | { leaseSeconds: number } {
  return text === 'node' ? { withNode: true } : { leaseSeconds: Math.ceil(parseDuration(text, 'lease') / 1000) };
}

async function toService({ api, options }: RemoteInvocation<Options>, name: string): Promise<Service> {
  if (options.node === undefined && options.address === undefined) {
    throw new InvalidArgumentError('service: want --node or --address, which say where it is');
  }
  const node = options.node === undefined ? undefined : await findNode(api, options.node, options.network);
  return Service.create({
    name,
    network: options.network ?? node?.network ?? '',
    nodeId: node?.id ?? '',
    address: options.address ?? '',
    port: options.port ?? 0,
    protocol: options.protocol,
    weight: options.weight ?? 0,
    priority: options.priority ?? 0,
    type: options.type ?? '',
    channel: options.channel ?? '',
    role: options.role ?? '',
    id: options.id ?? '',
    ...(options.lease === undefined ? {} : leaseOf(options.lease)),
    metadata: options.meta ?? {},
    ttlSeconds: options.ttl ?? 0,
  });
}
