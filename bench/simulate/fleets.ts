import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SimulatedAgent } from './simulated-agent.js';
import type { FleetStatus } from './fleet.js';

/** What a fleet can be asked for from another process. */
export type Asked = 'start' | 'rest' | 'mark' | 'back' | 'storm' | 'roam' | 'flap' | 'leave' | 'add' | 'holding' | 'arrivals' | 'status' | 'stop';

/** One request to a fleet's process. */
export interface FleetRequest {
  readonly id: number;
  readonly ask: Asked | 'make';
  readonly args: readonly unknown[];
}

/** Its answer. */
export type FleetAnswer = { readonly id: number; readonly result?: unknown } | { readonly id: number; readonly error: string };

/** How many agents, and where they connect to. */
export interface FleetsSettings {
  /** The file that writeMembers wrote. */
  readonly path: string;
  readonly agents: number;
  readonly endpoint: string;
  /** How many never read what they are sent. */
  readonly stalled?: number;
  /** How many services each offers. */
  readonly servicesEach?: number;
}

/** One process has one core; and each agent takes some 250 KiB of it. */
const AGENTS_A_PROCESS = 2_500;

/** Agents in as many processes as they need, handled as one fleet. */
export class Fleets {
  readonly #processes: readonly FleetProcess[];

  private constructor(processes: readonly FleetProcess[]) {
    this.#processes = processes;
  }

  /** Starts the processes; the agents do not connect yet. */
  static async make({ path, agents, endpoint, stalled = 0, servicesEach = 0 }: FleetsSettings): Promise<Fleets> {
    const count = Math.ceil(agents / AGENTS_A_PROCESS);
    const share = (of: number, index: number): number => Math.floor((of * (index + 1)) / count) - Math.floor((of * index) / count);
    const processes = Array.from({ length: count }, () => new FleetProcess());
    let from = 0;
    const made = processes.map((one, index) => {
      const part = { path, from, count: share(agents, index), endpoint, stalled: share(stalled, index), servicesEach };
      from += part.count;
      return one.ask('make', part);
    });
    await Promise.all(made);
    return new Fleets(processes);
  }

  /** Starts all agents, so many a second, and waits until they are connected. */
  async start({ perSecond }: { readonly perSecond: number }): Promise<void> {
    await this.#all('start', { perSecond: perSecond / this.#processes.length });
  }

  /** @see Fleet.rest */
  async rest(is: boolean): Promise<void> {
    await this.#all('rest', is);
  }

  /** @see Fleet.mark */
  async mark(): Promise<void> {
    await this.#all('mark');
  }

  /** @see Fleet.back */
  async back(): Promise<number[]> {
    return (await this.#all<number[]>('back')).flat();
  }

  /** @see Fleet.storm */
  async storm(): Promise<number[]> {
    return (await this.#all<number[]>('storm')).flat();
  }

  /** One of the processes, another each time, for what concerns a few agents. */
  async some(ask: 'roam' | 'flap' | 'leave', count: number): Promise<void> {
    await this.#any().ask(ask, count);
  }

  /** Takes in a node that has joined by itself. */
  async add(membership: SimulatedAgent['membership']): Promise<void> {
    await this.#any().ask('add', membership);
  }

  /** @see Fleet.holding */
  async holding(names: Readonly<Record<string, string>>): Promise<number> {
    const counts = await this.#all<number>('holding', names);
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** @see Fleet.arrivals */
  async arrivals(revision: bigint): Promise<number[]> {
    return (await this.#all<number[]>('arrivals', revision)).flat();
  }

  /** All fleets together. */
  async status(): Promise<FleetStatus> {
    const [first, ...rest] = await this.#all<FleetStatus>('status');
    return rest.reduce((sum, one) => {
      const keys = ['agents', 'connected', 'ended', 'connects', 'snapshots', 'resets', 'deltas', 'outOfOrder'] as const;
      const added = Object.fromEntries(keys.map((key) => [key, sum[key] + one[key]])) as Omit<FleetStatus, 'revision'>;
      return { ...added, revision: one.revision < sum.revision ? one.revision : sum.revision };
    }, first!);
  }

  /** Ends the processes, and with them their connections. */
  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((one) => one.end()));
  }

  #all<T>(ask: Asked, ...args: readonly unknown[]): Promise<T[]> {
    return Promise.all(this.#processes.map((one) => one.ask(ask, ...args) as Promise<T>));
  }

  #any(): FleetProcess {
    return this.#processes[Math.floor(Math.random() * this.#processes.length)]!;
  }
}

class FleetProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  readonly #ended: Promise<void>;
  #next = 0;

  constructor() {
    const path = fileURLToPath(new URL('fleet-process.ts', import.meta.url));
    this.#child = fork(path, { execArgv: ['--import', 'tsx'], serialization: 'advanced' });
    this.#child.on('message', (answer: FleetAnswer) => this.#take(answer));
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', (code) => {
        for (const { reject } of this.#waiting.values()) reject(new Error(`a fleet's process ended with ${code}`));
        resolve();
      });
    });
  }

  ask(ask: FleetRequest['ask'], ...args: readonly unknown[]): Promise<unknown> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null) throw new Error(`a fleet's process ended with ${this.#child.exitCode}`);
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, ask, args } satisfies FleetRequest);
    });
  }

  async end(): Promise<void> {
    this.#child.disconnect();
    await this.#ended;
  }

  #take(answer: FleetAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('error' in answer) waiting?.reject(new Error(answer.error));
    else waiting?.resolve(answer.result);
  }
}
