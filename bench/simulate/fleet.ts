import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { ControlState } from '../../src/client/control-link.js';
import { openNodeClient } from '../../src/client/node-session.js';
import { UnRegisterRequest } from '../../src/gen/networkcontroller/v1/node.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import type { Members } from './member.js';
import { serviceConfigs } from './offered.js';
import { SharedTrust } from './shared-trust.js';
import { SimulatedAgent, type AgentCounts, type AgentEvents, type AgentSurroundings } from './simulated-agent.js';
import { StalledWatch } from './stalled-watch.js';

/** What a fleet is made of. */
export interface FleetSettings {
  readonly members: Members;
  /** "host:port" of the control listener. */
  readonly endpoint: string;
  /** Those of other controllers, tried when that one is lost. */
  readonly others?: readonly string[];
  /** The first so many never read what they are sent. */
  readonly stalled?: number;
  /** How many services each of the others offers. */
  readonly servicesEach?: number;
}

/** A fleet's agents at one moment, and what they have met so far. */
export interface FleetStatus extends AgentCounts {
  readonly agents: number;
  readonly connected: number;
  /** Refused for good. */
  readonly ended: number;
  /** The revision that all have. */
  readonly revision: bigint;
}

/** Revisions whose arrivals are remembered. */
const REMEMBERED = 4_096;

/** Many agents in one process. */
export class Fleet implements AgentEvents {
  readonly #agents = new Map<string, SimulatedAgent>();
  readonly #stalled: StalledWatch[];
  readonly #surroundings: AgentSurroundings;
  readonly #arrivals = new LRUCache<string, number[]>({ max: REMEMBERED });
  readonly #marked = new Map<string, number>();
  #connects: number[] = [];
  #ended = 0;

  constructor({ members: { members, position }, endpoint, others = [], stalled = 0, servicesEach = 0 }: FleetSettings) {
    const trust = new SharedTrust(members[0]!);
    this.#surroundings = { endpoint, others, trust, events: this, services: serviceConfigs(servicesEach) };
    this.#stalled = members.slice(0, stalled).map((membership) => new StalledWatch(endpoint, membership, position));
    for (const membership of members.slice(stalled)) this.#agents.set(membership.facts.nodeId, new SimulatedAgent(membership, position, this.#surroundings));
  }

  /** The agents that read. */
  get agents(): readonly SimulatedAgent[] {
    return [...this.#agents.values()];
  }

  /** Starts all, so many a second, and waits until they are connected. */
  async start({ perSecond = Number.POSITIVE_INFINITY }: { readonly perSecond?: number } = {}): Promise<void> {
    const begun = performance.now();
    for (const [index, one] of [...this.#stalled, ...this.agents].entries()) {
      const early = (index * 1000) / perSecond - (performance.now() - begun);
      if (early > 0) await sleep(early);
      one.start();
    }
    await this.connected();
  }

  /** Resolves when every agent that was not refused is connected. */
  async connected(): Promise<void> {
    while (this.agents.some(({ state }) => state !== 'connected')) await sleep(20);
  }

  /** While they rest nobody renews. */
  rest(is: boolean): void {
    for (const agent of this.agents) agent.rest(is);
  }

  /** Notes who is connected now, for {@link back}. */
  mark(): void {
    this.#connects = [];
    for (const agent of this.agents) this.#marked.set(agent.nodeId, agent.counts.connects);
  }

  /** Waits until every agent has connected anew since {@link mark}, unless it was refused for good. @returns when each did, monotonic ms. */
  async back(): Promise<number[]> {
    const isBack = ({ nodeId, counts, state }: SimulatedAgent): boolean => state === 'connected' && counts.connects > (this.#marked.get(nodeId) ?? 0);
    while (!this.agents.every(isBack)) await sleep(20);
    return this.#connects;
  }

  /** All drop their connections at once. @returns when each was back, monotonic ms. */
  storm(): Promise<number[]> {
    this.mark();
    for (const agent of this.agents) agent.roam();
    return this.back();
  }

  /** Some agents come into another network. */
  roam(count: number): void {
    for (const agent of this.#some(count)) agent.roam();
  }

  /** Some agents lose their connection again and again. */
  async flap(count: number, times = 5): Promise<void> {
    const flapping = this.#some(count);
    for (let time = 0; time < times; time++) {
      for (const agent of flapping) agent.roam();
      await sleep(50 + Math.random() * 300);
    }
  }

  /** Some nodes end their membership. */
  async leave(count: number): Promise<void> {
    await Promise.all(this.#some(count).map((agent) => this.#leave(agent)));
  }

  /** A node that has joined by itself and has no map yet. */
  add(membership: SimulatedAgent['membership']): void {
    const agent = new SimulatedAgent(membership, undefined, this.#surroundings);
    this.#agents.set(agent.nodeId, agent);
    agent.start();
  }

  /** How many have all of these nodes under the names given, by node id. */
  holding(names: Readonly<Record<string, string>>): number {
    const holds = (agent: SimulatedAgent): boolean => {
      const { peers = [], self } = agent.map() ?? {};
      const held = new Map(peers.map(({ nodeId, name }) => [nodeId, name]));
      if (self !== undefined) held.set(self.nodeId, self.name);
      return Object.entries(names).every(([id, name]) => held.get(id) === name);
    };
    return this.agents.filter(holds).length;
  }

  /** When each agent that has had the change of `revision` by now had it in its map, monotonic ms. */
  arrivals(revision: bigint): readonly number[] {
    return this.#arrivals.get(String(revision)) ?? [];
  }

  status(): FleetStatus {
    const { agents } = this;
    const sum = (of: keyof AgentCounts): number => agents.reduce((total, { counts }) => total + counts[of], 0);
    return {
      agents: agents.length,
      connected: agents.filter(({ state }) => state === 'connected').length,
      ended: this.#ended,
      revision: agents.reduce((lowest, { revision }) => (revision < lowest ? revision : lowest), agents[0]?.revision ?? 0n),
      connects: sum('connects'),
      snapshots: sum('snapshots'),
      resets: sum('resets'),
      deltas: sum('deltas'),
      outOfOrder: sum('outOfOrder'),
    };
  }

  async stop(): Promise<void> {
    for (const one of this.#stalled) one.stop();
    await Promise.all(this.agents.map((agent) => agent.stop()));
  }

  onApplied(_agent: SimulatedAgent, revision: bigint): void {
    const key = String(revision);
    const arrivals = this.#arrivals.get(key);
    if (arrivals === undefined) this.#arrivals.set(key, [monotonicMs()]);
    else arrivals.push(monotonicMs());
  }

  onState(_agent: SimulatedAgent, state: ControlState): void {
    if (state === 'connected') this.#connects.push(monotonicMs());
  }

  onEnd(agent: SimulatedAgent): void {
    // One that leaves is out of the list before.
    if (this.#agents.delete(agent.nodeId)) this.#ended++;
  }

  async #leave(agent: SimulatedAgent): Promise<void> {
    this.#agents.delete(agent.nodeId);
    const client = openNodeClient(this.#surroundings.endpoint, agent.membership);
    try {
      await callUnary(client, 'unRegister', UnRegisterRequest.fromPartial({}));
    } finally {
      client.close();
      await agent.stop();
    }
  }

  #some(count: number): SimulatedAgent[] {
    const { agents } = this;
    const first = Math.floor(Math.random() * agents.length);
    return Array.from({ length: Math.min(count, agents.length) }, (_, n) => agents[(first + n) % agents.length]!);
  }
}

/** The same in every process of a machine. @see clock_gettime(2), CLOCK_MONOTONIC */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
