import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { DomainError } from '../../domain/errors.js';
import { parseDuration } from '../../domain/duration.js';
import { MAX_ROUTES, parseRoute } from '../../domain/route.js';
import { CHECK } from './service-check.js';
import { parsed, parseYamlConfig, readConfigText, section } from '../yaml-config.js';

/** Linux keeps an interface name in 16 bytes with the closing zero. @see netdevice(7) IFNAMSIZ */
const INTERFACE_NAME = /^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,14}$/;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const HOST_PORT = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):(\d{1,5})$/;

const label = (what: string) => v.pipe(v.string(), v.regex(LABEL, what));
const port = (what: string, from: number) =>
  v.pipe(v.number(what), v.integer(what), v.minValue(from, what), v.maxValue(65_535, what));
const hostPort = v.pipe(
  v.string(),
  v.check((text) => isHostPort(text), 'host:port, 203.0.113.7:51820 or [2001:db8::7]:51820'),
);

const PEERS = 'a number of peers from 1 to 100000';
const IDLE = 'a duration from 5s to 1d';
const LEASE = 'a duration from 1s to 1d, or node';
const lease = v.pipe(parsed(parseDuration, LEASE), v.minValue(1000, LEASE), v.maxValue(86_400_000, LEASE));

const Service = v.strictObject({
  /** First label of the service's name: `<name>.svc.<zone>`. */
  name: label('a lower-case DNS label'),
  /** The instance, one label; empty for `<name>-<node>`. */
  id: v.optional(v.pipe(v.string(), v.check((text) => text === '' || LABEL.test(text), 'a lower-case DNS label')), ''),
  port: port('a port from 1 to 65535', 1),
  protocol: v.optional(v.picklist(['tcp', 'udp'], 'tcp or udp'), 'tcp'),
  /** discovery, security, consistency, batch, mq, bus, or a word of one's own. */
  type: v.optional(v.string(), ''),
  channel: v.optional(v.picklist(['stable', 'beta', 'alpha'], 'stable, beta or alpha'), 'stable'),
  weight: v.optional(port('a number from 0 to 65535', 0), 0),
  priority: v.optional(port('a number from 0 to 65535', 0), 0),
  role: v.optional(v.picklist(['', 'primary', 'replica'], 'primary or replica'), ''),
  metadata: v.optional(v.record(v.string(), v.string('a text')), {}),
  /** How long the instance is answered after the agent's last word, ms; `node` for as long as the node is connected. */
  lease: v.optional(v.union([v.literal('node'), lease], LEASE), '10s'),
  check: v.optional(CHECK),
});

const Schema = v.strictObject({
  mode: v.optional(v.literal('client', 'client: this is the configuration of nc-client'), 'client'),
  client: section({
    interfaceName: v.optional(v.pipe(v.string(), v.regex(INTERFACE_NAME, 'an interface name of at most 15 characters')), 'nc0'),
    device: v.optional(v.picklist(['auto', 'kernel', 'wireguard-go', 'recorded'], 'auto, kernel, wireguard-go or recorded'), 'auto'),
    listenPort: v.optional(port('a port from 0 to 65535', 0), 0),
    mtu: v.optional(
      v.pipe(v.number(), v.integer(), v.check((mtu) => mtu === 0 || (mtu >= 1280 && mtu <= 9000), '0 or 1280 to 9000 bytes')),
      0,
    ),
    stateDir: v.optional(v.string(), () => defaultStateDir()),
    logDir: v.optional(v.string(), ''),
    debug: v.optional(v.boolean(), false),
    name: v.optional(v.pipe(v.string(), v.check((name) => name === '' || LABEL.test(name), 'a lower-case DNS label')), ''),
    serverAddr: v.optional(v.array(hostPort), []),
    dataCentre: v.optional(v.pipe(v.string(), v.check((name) => name === '' || LABEL.test(name), 'a lower-case DNS label')), ''),
    endpoints: v.optional(v.array(hostPort), []),
    routes: v.optional(v.pipe(v.array(parsed(parseRoute, 'a network behind this machine without host bits, 192.168.7.0/24')), v.maxLength(MAX_ROUTES, `at most ${MAX_ROUTES} networks`)), []),
    exitNode: v.optional(v.boolean(), false),
    redirectGateway: v.optional(v.pipe(v.string(), v.check((name) => name === '' || LABEL.test(name), 'the name of a node, a lower-case DNS label')), ''),
    hostDns: v.optional(v.picklist(['auto', 'off'], 'auto or off'), 'auto'),
    lazyPeersAbove: v.optional(v.pipe(v.number(PEERS), v.integer(PEERS), v.minValue(1, PEERS), v.maxValue(100_000, PEERS)), 500),
    lazyPeersIdle: v.optional(v.pipe(parsed(parseDuration, IDLE), v.minValue(5000, IDLE), v.maxValue(86_400_000, IDLE)), '5m'),
    services: v.optional(v.array(Service), []),
  }),
});

/**
 * Reads one entry of `client.services` that came another way than in the file.
 *
 * @throws DomainError `invalid_argument`.
 */
export function readServiceConfig(entry: v.InferInput<typeof Service>): ServiceConfig {
  const read = v.safeParse(Service, entry, { message: (issue) => `a value, not ${issue.received}` });
  if (read.success) return read.output;
  const [issue] = read.issues;
  throw new DomainError('invalid_argument', `service.${v.getDotPath(issue) ?? ''}: want ${issue.message.replace(/^want /, '')}, got ${JSON.stringify(issue.input)}`);
}

/** A service that the agent offers while it runs. */
export type ServiceConfig = Readonly<v.InferOutput<typeof Service>>;

/** The settings of one agent. Every key, its unit and its default are described in client.yml. */
export interface ClientConfig {
  readonly interfaceName: string;
  readonly device: 'auto' | 'kernel' | 'wireguard-go' | 'recorded';
  /** UDP, 0 for a random one. */
  readonly listenPort: number;
  /** Bytes, 0 for the network's. */
  readonly mtu: number;
  /** Absolute. */
  readonly stateDir: string;
  /** Absolute; the folder of the daily log files. */
  readonly logDir: string;
  readonly debug: boolean;
  /** Name to ask for when joining, or empty for the host's. */
  readonly name: string;
  /** host:port of control listeners to try beside those the controller names. */
  readonly serverAddr: readonly string[];
  /** The data centre whose controllers it tries first; empty for none. */
  readonly dataCentre: string;
  /** host:port at which others reach this node's listenPort. */
  readonly endpoints: readonly string[];
  /** Networks behind this machine that it offers a way to; in use once an admin has approved them. */
  readonly routes: readonly string[];
  /** Whether it offers to be the way out for other nodes. */
  readonly exitNode: boolean;
  /** Name of the node through which everything leaves that has no other way; empty for none. */
  readonly redirectGateway: string;
  /** Whether this machine's own programs shall resolve the names of the network. */
  readonly hostDns: 'auto' | 'off';
  /** Peers that may be configured at a time; when there are more, only those in use are. */
  readonly lazyPeersAbove: number;
  /** Silence, ms, after which a peer is in use no longer. */
  readonly lazyPeersIdle: number;
  readonly services: readonly ServiceConfig[];
}

/**
 * Reads the text of a client.yml.
 *
 * @throws DomainError `config_invalid`: every fault with file, line, key and what was wanted.
 */
export function parseClientConfig(text: string, path: string): ClientConfig {
  const { client } = parseYamlConfig(text, path, Schema);
  const stateDir = resolve(client.stateDir);
  return Object.freeze({ ...client, stateDir, logDir: client.logDir === '' ? join(stateDir, 'log') : resolve(client.logDir) });
}

/** Reads a client.yml; without a path, the defaults. @throws DomainError `config_invalid` */
export function readClientConfig(path?: string): ClientConfig {
  return path === undefined ? parseClientConfig('', 'defaults') : parseClientConfig(readConfigText(path), path);
}

/** Root's state belongs to the machine, anybody else's to their home. @see file-hierarchy(7) */
function defaultStateDir(): string {
  return process.getuid?.() === 0 ? '/var/lib/nc-client' : join(homedir(), '.local', 'state', 'nc-client');
}

function isHostPort(text: string): boolean {
  const number = Number(HOST_PORT.exec(text)?.[1]);
  return number >= 1 && number <= 65_535;
}
