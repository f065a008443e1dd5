import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../test/support/until.js';
import { Cluster } from './cluster.js';
import { succeed, type Machine } from './machine.js';
import { APP, type Stage, type WireWatch } from './stage.js';
import type { Teller } from './teller.js';
import { proveWireGuard } from './wire-proof.js';

/** Sixteen bytes that ping(8) can repeat in its payload. */
const MARKER = 'readable-as-this';
const SERVICE_NAME = `${APP.service}.svc.nc.internal`;
/** What the app answers, so that nobody else's answer can be taken for it. */
const GREETING = `${APP.service} on ${APP.node}`;
const APP_SCRIPT = `require('node:http').createServer((_, answer) => answer.end('${GREETING}')).listen(${APP.port})`;
const CONTROLLER_OVERLAY = '10.66.0.1';
const OUTAGE_MS = 3_000;
/** Of the pings during the outage, the share that must be answered. */
const ENOUGH = 0.98;

/** The whole story, promise by promise, in the order in which a newcomer would live it. */
export class Story {
  readonly #stage: Stage;
  readonly #teller: Teller;
  readonly #cluster: Cluster;
  /** Milliseconds from the join to the first answered ping, by node. */
  readonly #joinMs = new Map<string, number>();
  #watch: WireWatch | undefined;
  #addresses = new Map<string, string>();

  constructor(stage: Stage, teller: Teller) {
    this.#stage = stage;
    this.#teller = teller;
    this.#cluster = new Cluster(stage);
  }

  /** @throws BrokenPromise */
  async tell(): Promise<void> {
    await this.#teller.promise('the controller starts', () => this.#startController());
    for (const node of this.#stage.nodes) {
      await this.#teller.promise(`${node.name} joins with a one-time string that is good for 10 minutes`, () => this.#join(node));
    }
    this.#tellJoinTimes();
    await this.#teller.promise('every node reaches every other', () => this.#reachEachOther());
    const wire = 'on the wire there is WireGuard and nothing readable';
    if (this.#stage.wire !== undefined) await this.#teller.promise(wire, () => this.#proveWire());
    else this.#teller.say(`  – ${wire}: cannot be shown, a recorded device sends nothing`);
    await this.#teller.promise('an app on one node, named in its client.yml, is reached from another by SRV and by name', () => this.#reachApp());
    await this.#teller.promise('the controller is killed with kill -9 and the network goes on', () => this.#outage());
    await this.#teller.promise('the controller comes back and every node has the same address', () => this.#comeBack());
    await this.#teller.promise('a node that is unregistered is cut off', () => this.#unregister());
    await this.#teller.promise('ncadm status shows who is in', () => this.#showStatus());
    this.#teller.quote(await this.#cluster.ncadm('status'));
  }

  async #startController(): Promise<string> {
    const server = await this.#cluster.startController();
    const { stdout } = await this.#stage.controller.run(['ps', '-o', 'user:20=', '-p', String(server.pid)]);
    return `pid ${server.pid}${stdout.trim() && `, user ${stdout.trim()}`}`;
  }

  async #join(node: Machine): Promise<string> {
    const { wire } = this.#stage;
    const joinString = await this.#cluster.ncadm('token', 'create', '--expire', '10m');
    const [target = CONTROLLER_OVERLAY] = this.#addresses.values();
    if (wire !== undefined && this.#watch === undefined) this.#watch = await wire.watch(node);

    const gaveUp = new AbortController();
    const firstPing = wire?.firstPing(node, target, AbortSignal.any([gaveUp.signal, AbortSignal.timeout(20_000)]));
    // Whoever fails first is told; the other's failure follows from it.
    firstPing?.catch(() => {});
    const joined = this.#cluster.join(node, joinString).catch((error: unknown) => {
      gaveUp.abort();
      throw error;
    });
    await joined;
    const pingMs = await firstPing;
    const address = await this.#addressOf(node);
    this.#addresses.set(node.name, address);
    if (pingMs === undefined) return address;
    this.#joinMs.set(node.name, pingMs);
    return `${address}, first answered ping (${target}) ${milliseconds(pingMs)} after the join began`;
  }

  #tellJoinTimes(): void {
    if (this.#joinMs.size === 0) return;
    const sorted = [...this.#joinMs.values()].sort((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
    const each = [...this.#joinMs].map(([name, ms]) => `${name} ${milliseconds(ms)}`).join(', ');
    this.#teller.say(`    join to first answered ping: ${each}; median ${milliseconds(median)}`);
  }

  async #addressOf(node: Machine): Promise<string> {
    return until(async () => (await this.#cluster.status()).nodes.find(({ name }) => name === node.name)?.bindIp, `${node.name} in ncadm status`);
  }

  async #reachEachOther(): Promise<string> {
    const { nodes, wire } = this.#stage;
    const pairs = nodes.flatMap((from) => nodes.filter((to) => to !== from).map((to) => ({ from, to })));
    await Promise.all(pairs.map(({ from, to }) => this.#waitUntilReached(from, to)));
    if (wire === undefined) return `${pairs.length} of ${pairs.length} directions are configured on the devices`;
    const direct = await this.#waitForDirectPaths();
    return `${pairs.length} of ${pairs.length} directions answer through the tunnel, ${direct}`;
  }

  async #waitUntilReached(from: Machine, to: Machine): Promise<void> {
    const { wire } = this.#stage;
    const address = this.#address(to);
    const isReached = async (): Promise<boolean> =>
      wire === undefined ? (await this.#cluster.clientStatus(from)).peers.some(({ bindIp }) => bindIp === address) : wire.reaches(from, address);
    await until(isReached, `${to.name} to be reached from ${from.name}`);
  }

  /** Pairs begin on the controller's relay, which dies with the controller: traffic only survives it on direct paths. */
  async #waitForDirectPaths(): Promise<string> {
    await until(async () => {
      const peers = await Promise.all(this.#stage.nodes.map(async (node) => (await this.#cluster.clientStatus(node)).peers));
      return peers.every((each) => each.length > 0 && each.every(({ path }) => path === 'direct'));
    }, 'direct paths between all nodes');
    return 'each directly, without the relay';
  }

  async #proveWire(): Promise<string> {
    const [first, second] = this.#stage.nodes as [Machine, Machine];
    const watch = this.#watch as WireWatch;
    await watch.watchInside();
    const pattern = Buffer.from(MARKER).toString('hex');
    await succeed(first, ['ping', '-n', '-q', '-c', '5', '-i', '0.1', '-p', pattern, '-s', '64', this.#address(second)]);
    await until(() => watch.packets().inside.some((packet) => packet.includes(MARKER)), 'tcpdump to see the pings');
    const { outside, inside } = watch.packets();
    const { initiations, responses, data } = proveWireGuard(outside, inside, MARKER);
    return `${initiations} initiations, ${responses} responses, ${data} data messages since the join; the ping's text is inside the tunnel only`;
  }

  async #reachApp(): Promise<string> {
    const [, host, asker] = this.#stage.nodes as [Machine, Machine, Machine];
    const { wire } = this.#stage;
    // It begins to be answered when the agent's health check has seen it.
    if (wire !== undefined) host.start([process.execPath, '-e', APP_SCRIPT]);
    const wanted = this.#address(host);
    await until(async () => (await this.#clientAnswer(asker)).includes(wanted), `nc-client resolve ${SERVICE_NAME} to answer ${wanted}`);
    const name = await this.#dig(asker, SERVICE_NAME, 'A');
    // Without root nobody could install dig.
    if (wire === undefined && name === undefined) return `${SERVICE_NAME} is ${wanted} for nc-client resolve; dig is not installed`;
    if (name !== wanted) throw new Error(`dig on ${asker.name} wants ${wanted} for ${SERVICE_NAME}, got "${name}"`);
    const [, , port, target = ''] = ((await this.#dig(asker, `_${APP.service}._tcp.svc.nc.internal`, 'SRV')) ?? '').split(' ');
    if (wire === undefined) return `${SERVICE_NAME} is ${wanted}, SRV names port ${port} of ${target}`;
    for (const at of [target.replace(/\.$/, ''), SERVICE_NAME]) await this.#curl(asker, `http://${at}:${port}/`);
    return `${SERVICE_NAME} is ${wanted}, SRV names port ${port} of ${target}; curl gets "${GREETING}" under both names`;
  }

  /** @returns undefined where there is no dig. */
  async #dig(node: Machine, name: string, type: string): Promise<string | undefined> {
    const ended = await node.run(['dig', ...this.#stage.nameServer, '+short', '+time=2', '+tries=2', name, type]).catch(() => undefined);
    return ended?.stdout.trim();
  }

  async #curl(node: Machine, url: string): Promise<void> {
    const body = await succeed(node, ['curl', '-sS', '--noproxy', '*', '--max-time', '10', url]);
    if (body !== GREETING) throw new Error(`curl ${url} on ${node.name} wants "${GREETING}", got "${body.slice(0, 200)}"`);
  }

  async #clientAnswer(node: Machine): Promise<string> {
    return this.#cluster.client(node, ['resolve', SERVICE_NAME]).catch(() => '');
  }

  async #outage(): Promise<string> {
    const { wire, nodes } = this.#stage;
    const [first, second] = nodes as [Machine, Machine];
    await this.#cluster.killController();
    const pinging = wire?.pinging(first, this.#address(second));
    await sleep(OUTAGE_MS);
    const dead = nodes.filter((node) => !this.#cluster.hasAgent(node));
    if (dead.length > 0) throw new Error(`the agents of ${dead.map(({ name }) => name).join(', ')} ended with the controller`);
    if (pinging === undefined) {
      await this.#waitUntilReached(first, second);
      return `after ${OUTAGE_MS / 1000} s every agent runs and its device is configured as before`;
    }
    const { sent, received } = await pinging.stop();
    if (received < sent * ENOUGH) throw new Error(`only ${received} of ${sent} pings were answered while the controller was dead`);
    return `${received} of ${sent} pings answered in ${OUTAGE_MS / 1000} s without it`;
  }

  async #comeBack(): Promise<string> {
    await this.#cluster.startController();
    const isBack = ({ state }: { state: string }): boolean => (this.#stage.wire === undefined ? state !== 'idle' : state === 'connected');
    const nodes = await until(async () => {
      const status = await this.#cluster.status();
      const ours = status.nodes.filter(({ name }) => this.#addresses.has(name));
      return ours.length === this.#addresses.size && ours.every(isBack) && ours;
    }, 'every node to be connected again');
    const moved = nodes.filter(({ name, bindIp }) => this.#addresses.get(name) !== bindIp);
    if (moved.length > 0) throw new Error(`these nodes have another address now: ${moved.map(({ name, bindIp }) => `${name} ${bindIp}`).join(', ')}`);
    return nodes.map(({ name, bindIp }) => `${name} ${bindIp}`).join(', ');
  }

  async #unregister(): Promise<string> {
    const { nodes, wire } = this.#stage;
    const [first, , gone] = nodes as [Machine, Machine, Machine];
    const address = this.#address(gone);
    await this.#cluster.ncadm('node', 'unregister', gone.name, '--yes');
    await until(async () => !(await this.#cluster.clientStatus(first)).peers.some(({ bindIp }) => bindIp === address), `${gone.name} to leave the map of ${first.name}`);
    if (wire !== undefined) {
      await until(async () => !(await wire.reaches(first, address, 2)), `pings to ${gone.name} to end`);
      if (await wire.reaches(gone, this.#address(first), 2)) throw new Error(`${gone.name} still reaches ${first.name}`);
    }
    await until(() => !this.#cluster.hasAgent(gone), `the agent of ${gone.name} to end`);
    return `${gone.name} is in nobody's map${wire === undefined ? '' : ', no ping passes either way'}, its agent has ended`;
  }

  async #showStatus(): Promise<string> {
    const { nodes } = await this.#cluster.status();
    const missing = this.#stage.nodes.slice(0, 2).filter((wanted) => !nodes.some(({ name }) => name === wanted.name));
    if (missing.length > 0) throw new Error(`${missing.map(({ name }) => name).join(', ')} missing from the status`);
    return `${nodes.length} nodes`;
  }

  #address(node: Machine): string {
    const address = this.#addresses.get(node.name);
    if (address === undefined) throw new Error(`${node.name} has no address`);
    return address;
  }
}

function milliseconds(ms: number): string {
  return `${Math.round(ms)} ms`;
}
