import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PathKind } from '../../src/gen/networkcontroller/v1/types.js';
import { formatTable } from '../../src/platform/text-table.js';
import { until } from '../../test/support/until.js';
import type { LocalMachine } from '../local-machine.js';
import type { Teller } from '../teller.js';
import { longestOf, longestSilence, type Beats } from './beats.js';
import type { DataCentre, HaStage } from './ha-stage.js';
import { Joins, lookups, pings } from './traffic.js';

/** How long each blow is looked at, at least. */
const LOOK_MS = 8_000;
/** Only ends what would hang. */
const PATIENCE_MS = 180_000;
/** How long pings are waited for after a cut. */
const ACROSS_MS = 20_000;

/** The longest silences of one part of the story, in ms. */
interface Gaps {
  readonly what: string;
  readonly near: number;
  readonly far: number;
  readonly names: number;
  readonly joins: number;
}

/** Pings of one pair. */
interface Pair extends Beats {
  readonly ends: readonly [DataCentre, DataCentre];
}

/** Three data centres, of which one thing after the other is taken while everything else goes on. */
export class HaStory {
  readonly #stage: HaStage;
  readonly #teller: Teller;
  readonly #addresses = new Map<LocalMachine, string>();
  readonly #joins: Joins;
  readonly #gaps: Gaps[] = [];
  #pairs: readonly Pair[] = [];
  #lookups: readonly Beats[] = [];

  constructor(stage: HaStage, teller: Teller) {
    this.#stage = stage;
    this.#teller = teller;
    this.#joins = new Joins(stage.guest, stage.folderOf('guests'));
  }

  /** @throws BrokenPromise */
  async tell(): Promise<void> {
    const { centres } = this.#stage;
    await this.#teller.promise('three members of etcd have a leader', () => this.#startEtcd());
    await this.#teller.promise('three controllers serve, and share it', () => this.#startControllers());
    await this.#teller.promise('six nodes join, two in each data centre', () => this.#joinAll());
    await this.#teller.promise('every node reaches every other directly', () => this.#untilDirect());
    await this.#teller.promise('pings, lookups and joins go on by themselves', () => this.#beginTraffic());
    await this.#watch('nothing', () => Promise.resolve('as it is at rest'));
    await this.#watch('etcd leader: kill -9', () => this.#killLeader());
    await this.#watch('controller: kill -9', () => this.#killController());
    await this.#watch('data centre: cut off', () => this.#cut(centres[2] as DataCentre), centres[2]);
    await this.#watch('data centre: back', () => this.#heal(centres[2] as DataCentre), centres[2]);
    await this.#teller.promise('no agent was sent its whole map again, none has another address', () => this.#nothingWasLost());
    await this.#joins.stop();
    this.#tellGaps();
    this.#teller.quote(await this.#stage.ncadm(centres[0] as DataCentre, 'status', '--summary'));
  }

  async #startEtcd(): Promise<string> {
    const { etcd, centres } = this.#stage;
    for (const i of centres.keys()) etcd.start(i);
    return `the one in ${centres[await etcd.leader()]?.name}`;
  }

  async #startControllers(): Promise<string> {
    for (const centre of this.#stage.centres) await this.#stage.startController(centre);
    return this.#stage.centres.map(({ controller, address }) => `${controller.name} ${address}`).join(', ');
  }

  async #joinAll(): Promise<string> {
    for (const centre of this.#stage.centres) {
      for (const node of centre.nodes) {
        const joinString = await this.#stage.ncadm(centre, 'token', 'create', '--name', node.name);
        this.#addresses.set(node, await this.#stage.join(node, joinString));
      }
    }
    return [...this.#addresses].map(([{ name }, address]) => `${name} ${address}`).join(', ');
  }

  async #untilDirect(): Promise<string> {
    const { nodes } = this.#stage;
    const others = new Set(this.#addresses.values());
    await until(async () => {
      const all = await Promise.all(nodes.map((node) => this.#stage.status(node)));
      return all.every(({ peers }) => peers.filter(({ bindIp, path }) => others.has(bindIp) && path === PathKind.PATH_KIND_DIRECT).length === nodes.length - 1);
    }, 'direct paths between all nodes', PATIENCE_MS);
    return `${nodes.length * (nodes.length - 1)} directions`;
  }

  async #beginTraffic(): Promise<string> {
    const { centres, lab } = this.#stage;
    const pair = (from: DataCentre, to: DataCentre): Pair => {
      const [source, target] = [from.nodes[0], to.nodes[from === to ? 1 : 0]] as [LocalMachine, LocalMachine];
      return { ...pings(lab, `${source.name} to ${target.name}`, source.name, this.#address(target)), ends: [from, to] };
    };
    this.#pairs = centres.flatMap((centre, i) => [pair(centre, centre), pair(centre, centres[(i + 1) % centres.length] as DataCentre)]);
    this.#lookups = centres.map(({ nodes: [, asker] }, i) => {
      const [wanted] = (centres[(i + 1) % centres.length] as DataCentre).nodes as [LocalMachine];
      return lookups(lab, `lookups of ${asker?.name}`, asker?.name ?? '', '', `${wanted.name}.default.nc.internal`, this.#address(wanted));
    });
    this.#joins.begin(await this.#stage.ncadm(centres[0] as DataCentre, 'token', 'create', '--uses', '1000'));
    const all = [...this.#pairs, ...this.#lookups, this.#joins];
    await until(() => all.every((beats) => beats.times().length > 0), 'everything to go on', PATIENCE_MS);
    return [...this.#pairs.map(({ name }) => name), ...this.#lookups.map(({ name }) => name), this.#joins.name].join(', ');
  }

  /** Strikes a blow and waits until it is over, and everything goes on that can. @param away The data centre that is cut off meanwhile. */
  async #watch(what: string, blow: () => Promise<string>, away?: DataCentre): Promise<void> {
    await this.#teller.promise(`it goes on: ${what}`, async () => {
      const from = Date.now();
      const proof = await blow();
      await sleep(Math.max(0, from + LOOK_MS - Date.now()));
      const since = Date.now();
      // Who reaches it over the cable that is pulled is silent, and is told of by the part of the story that puts it back.
      const reachable = this.#pairs.filter(({ ends: [a, b] }) => a === b || (a !== away && b !== away));
      const goesOn = [...reachable, ...this.#lookups, this.#joins];
      await until(() => goesOn.every((beats) => (beats.times().at(-1) ?? 0) > since), 'everything to go on', PATIENCE_MS);
      const to = Date.now();
      const [near, far] = [reachable.filter(({ ends: [a, b] }) => a === b), reachable.filter(({ ends: [a, b] }) => a !== b)];
      this.#gaps.push({ what, near: longestOf(near, from, to), far: longestOf(far, from, to), names: longestOf(this.#lookups, from, to), joins: longestSilence(this.#joins, from, to) });
      return proof;
    });
  }

  async #killLeader(): Promise<string> {
    const { etcd, centres } = this.#stage;
    const old = await etcd.leader();
    const sinceMs = Date.now();
    await etcd.kill(old);
    const leading = await etcd.leader();
    const tookMs = Date.now() - sinceMs;
    await this.#untilJoined(Date.now());
    etcd.start(old);
    await etcd.leader();
    return `in ${centres[old]?.name}; the one in ${centres[leading]?.name} led after at most ${tookMs} ms; joins go on, and the member is back`;
  }

  /** The one that the first node is at, and what hangs on it. */
  async #killController(): Promise<string> {
    const { controlEndpoint } = await this.#stage.status(this.#stage.nodes[0] as LocalMachine);
    const centre = this.#stage.centres.find(({ address }) => controlEndpoint.startsWith(`${address}:`)) as DataCentre;
    const attached = await this.#attachedTo(centre);
    const sinceMs = Date.now();
    await this.#stage.killController(centre);
    await until(async () => (await this.#states(attached)).every(({ control, controlEndpoint }) => control === 'connected' && !controlEndpoint.startsWith(`${centre.address}:`)), 'its agents to be at another one', PATIENCE_MS);
    const tookMs = Date.now() - sinceMs;
    await this.#untilJoined(Date.now());
    await this.#stage.startController(centre);
    return `${centre.controller.name}; its ${attached.length} agents were at others after ${tookMs} ms; it is back`;
  }

  async #cut(centre: DataCentre): Promise<string> {
    await this.#stage.cable(centre, 'down');
    await this.#untilJoined(Date.now());
    await until(async () => / degraded /.test(await this.#stage.ncadm(centre, 'status', '--summary')), 'the controller there to notice', PATIENCE_MS);
    const refusal = await this.#stage.ncadm(centre, 'token', 'create').then(() => undefined, String);
    if (refusal === undefined) throw new Error(`${centre.controller.name} made a token without a majority`);
    return `${centre.name}; ${centre.controller.name} reads on and refuses to write, the others join new nodes`;
  }

  /** Tells how long pings to and from it take to come back, and does not insist: see {@link #across}. */
  async #heal(centre: DataCentre): Promise<string> {
    const sinceMs = Date.now();
    await this.#stage.cable(centre, 'up');
    await until(() => this.#stage.ncadm(centre, 'token', 'create', '--expire', '1m').catch(() => undefined), 'the controller there to write again', PATIENCE_MS);
    const writesMs = Date.now() - sinceMs;
    await until(async () => (await this.#states(this.#stage.nodes)).every(({ control }) => control === 'connected'), 'all agents to be connected', PATIENCE_MS);
    return `${centre.name}; ${centre.controller.name} writes after ${writesMs} ms; all agents connected; ${await this.#across(centre, sinceMs)}`;
  }

  /** Nodes that are at different controllers do not find each other's new way yet, once both have given the old one up. */
  async #across(centre: DataCentre, sinceMs: number): Promise<string> {
    const back = this.#pairs.filter(({ ends: [a, b] }) => a !== b && (a === centre || b === centre)).map((beats) => () => (beats.times().find((atMs) => atMs > sinceMs) ?? Infinity) - sinceMs);
    const end = Date.now() + ACROSS_MS;
    while (Date.now() < end && back.some((ms) => ms() === Infinity)) await sleep(100);
    const slowest = Math.max(...back.map((ms) => ms()));
    return slowest === Infinity ? `pings across NOT back after ${ACROSS_MS / 1000} s: its nodes and the others are at different controllers, which do not pass signals to each other` : `pings across after ${Math.round(slowest)} ms`;
  }

  async #nothingWasLost(): Promise<string> {
    for (const [node, address] of this.#addresses) {
      const { bindIp } = await this.#stage.status(node);
      if (bindIp !== address) throw new Error(`${node.name} had ${address} and has ${bindIp} now`);
      const resets = resetsIn(join(this.#stage.folderOf(node.name), 'state', 'log'));
      if (resets > 0) throw new Error(`${node.name} was sent its whole map again ${resets} times`);
    }
    const joined = this.#joins.times().length;
    const { failures } = this.#joins;
    return `0 resets; ${joined} more nodes joined meanwhile, ${failures.length} were refused${failures.length > 0 ? ` (${failures[0]})` : ''}`;
  }

  #tellGaps(): void {
    const ms = (pick: (gaps: Gaps) => number) => (gaps: Gaps) => `${pick(gaps)} ms`;
    const columns = [
      { title: 'WHAT WAS TAKEN', cell: ({ what }: Gaps) => what },
      { title: 'PINGS WITHIN', cell: ms(({ near }) => near), align: 'right' as const },
      { title: 'PINGS ACROSS', cell: ms(({ far }) => far), align: 'right' as const },
      { title: 'LOOKUPS', cell: ms(({ names }) => names), align: 'right' as const },
      { title: 'JOINS', cell: ms(({ joins }) => joins), align: 'right' as const },
    ];
    this.#teller.say('\n    The longest silences, between data centres that were connected; a join alone takes about as long as with nothing taken:');
    this.#teller.quote(formatTable(columns, this.#gaps, { headers: true, wide: true, width: Number.POSITIVE_INFINITY }));
  }

  async #attachedTo(centre: DataCentre): Promise<LocalMachine[]> {
    const states = await this.#states(this.#stage.nodes);
    return this.#stage.nodes.filter((_, i) => states[i]?.controlEndpoint.startsWith(`${centre.address}:`));
  }

  #states(nodes: readonly LocalMachine[]) {
    return Promise.all(nodes.map((node) => this.#stage.status(node)));
  }

  #untilJoined(sinceMs: number): Promise<boolean> {
    return until(() => (this.#joins.times().at(-1) ?? 0) > sinceMs, 'a node to join', PATIENCE_MS);
  }

  #address(node: LocalMachine): string {
    const address = this.#addresses.get(node);
    if (address === undefined) throw new Error(`${node.name} has no address`);
    return address;
  }
}

function resetsIn(folder: string): number {
  const files = readdirSync(folder).filter((name) => /-log_[\d-]+\.log$/.test(name));
  return files.map((name) => readFileSync(join(folder, name), 'utf8').split('the controller sends the whole map again').length - 1).reduce((a, b) => a + b, 0);
}
