import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError, type ErrorCode } from '../../src/domain/errors.js';
import { CreateTokenRequest, RenameNodeRequest, UnregisterNodeRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { BootstrapServiceClient } from '../../src/gen/networkcontroller/v1/bootstrap.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import type { Call, Ending, Wish } from './history.js';
import { Machine } from './machine.js';
import { SeededRandom } from './random.js';
import type { World } from './world.js';

/** Nobody can tell whether a call that ends so was carried out. */
const IN_DOUBT: ReadonlySet<ErrorCode> = new Set(['unavailable', 'timeout', 'internal', 'outcome_unknown']);

/** Nothing was done, and another server or a later moment may be luckier. */
const TRANSIENT: ReadonlySet<ErrorCode> = new Set(['store_failed', 'store_full', 'draining', 'conflict', 'rate_limited']);

const MOST_ATTEMPTS = 8;
const DEADLINE_MS = 3_000;
const PAUSE_MS = 100;
const USES = 20;

type Ok = Extract<Ending, { outcome: 'ok' }>;

/** A client that does one thing after another with nodes of its own, and writes down what it was told. */
export class Client {
  readonly calls: Call[] = [];
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #name: string;
  readonly #bootstraps: readonly BootstrapServiceClient[];
  readonly #nodes: string[] = [];
  #join = '';
  #usesLeft = 0;
  #names = 0;

  constructor(world: World, seed: number, name: string) {
    this.#world = world;
    this.#random = new SeededRandom(seed);
    this.#name = name;
    this.#bootstraps = world.replicas.map(({ ports }) => connect(BootstrapServiceClient, { address: `127.0.0.1:${ports.bootstrap}`, tls: world.tls }));
  }

  /** Goes on until `signal`; then ends what it is at. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        await this.#next();
        await sleep(this.#random.below(40));
      }
    } finally {
      for (const bootstrap of this.#bootstraps) bootstrap.close();
    }
  }

  async #next(): Promise<void> {
    if (this.#usesLeft === 0) return this.#token();
    const dice = this.#random.below(10);
    const node = this.#nodes.length > 0 ? this.#random.pick(this.#nodes) : undefined;
    if (node === undefined || dice < 6) return this.#register();
    if (dice < 8) return this.#rename(node);
    return this.#unregister(node);
  }

  async #token(): Promise<void> {
    const request = CreateTokenRequest.fromPartial({ maxUses: USES, expireMs: -1 });
    // Asked again it would be another one.
    await this.#do({ kind: 'token' }, 1, async (replica) => {
      const { token, join } = await callUnary(this.#world.admins[replica]!, 'createToken', request, { deadlineMs: DEADLINE_MS });
      [this.#join, this.#usesLeft] = [join, USES];
      return { outcome: 'ok', id: token!.id };
    });
  }

  async #register(): Promise<void> {
    const machine = new Machine();
    this.#usesLeft--;
    await this.#do({ kind: 'register', requestId: machine.requestId }, MOST_ATTEMPTS, async (replica) => {
      const { nodeId, bindIp } = await machine.register(this.#bootstraps[replica]!, this.#join, DEADLINE_MS);
      this.#nodes.push(nodeId);
      return { outcome: 'ok', id: nodeId, address: bindIp };
    });
  }

  async #rename(nodeId: string): Promise<void> {
    const name = `${this.#name}-${++this.#names}`;
    await this.#do({ kind: 'rename', nodeId, name }, MOST_ATTEMPTS, async (replica) => {
      await callUnary(this.#world.admins[replica]!, 'renameNode', RenameNodeRequest.fromPartial({ node: nodeId, name }), { deadlineMs: DEADLINE_MS });
      return { outcome: 'ok', id: nodeId };
    });
  }

  async #unregister(nodeId: string): Promise<void> {
    this.#nodes.splice(this.#nodes.indexOf(nodeId), 1);
    await this.#do({ kind: 'unregister', nodeId }, MOST_ATTEMPTS, async (replica) => {
      await callUnary(this.#world.admins[replica]!, 'unregisterNode', UnregisterNodeRequest.fromPartial({ node: nodeId }), { deadlineMs: DEADLINE_MS });
      return { outcome: 'ok', id: nodeId };
    });
  }

  /** Asks one server after another, with the same request, until one says yes or no for good. */
  async #do(wish: Wish, attempts: number, ask: (replica: number) => Promise<Ok>): Promise<void> {
    const invokedMs = performance.now();
    const ending = await this.#attempts(attempts, ask);
    this.calls.push({ wish, invokedMs, endedMs: performance.now(), ending });
  }

  async #attempts(attempts: number, ask: (replica: number) => Promise<Ok>): Promise<Ending> {
    const first = this.#random.below(this.#world.replicas.length);
    let isInDoubt = false;
    let why = '';
    for (let i = 0; i < attempts; i++) {
      try {
        return await ask((first + i) % this.#world.replicas.length);
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        why = `${error.code}: ${error.message}`;
        if (IN_DOUBT.has(error.code)) isInDoubt = true;
        else if (!TRANSIENT.has(error.code)) break;
      }
      await sleep(PAUSE_MS);
    }
    return { outcome: isInDoubt ? 'unknown' : 'refused', why };
  }
}
