import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { Turns } from '../../platform/turns.js';
import type { Caller } from '../auth/caller.js';
import type { HighWaterClock } from '../services/high-water-clock.js';
import type { Nodes } from '../services/nodes.js';
import type { Revocations } from '../services/revocations.js';
import { releaseOf } from '../services/tokens.js';
import type { Repository } from '../store/local-view.js';

/** How much one sweep takes on; the rest waits for the next. */
const BATCH = 200;

const SYSTEM: Caller = { kind: 'local', address: 'system' };

/**
 * Tidies what time has ended. Nothing depends on it having run: expiry is checked at use.
 *
 * - an expired token gives back the address that was kept for it, and goes when it has been kept long enough;
 * - ephemeral nodes that have been idle too long are unregistered;
 * - the revocation list names what was unregistered since, and is kept from running out;
 * - the clock's high-water mark is stored.
 */
export class Sweeper {
  readonly #repository: Repository;
  readonly #nodes: Nodes;
  readonly #revocations: Revocations;
  readonly #clock: HighWaterClock;
  readonly #log: Log;
  readonly #keepSpentMs: number;
  readonly #ephemeralIdleMs: number;
  readonly #cancel: () => void;
  readonly #turns = new Turns();

  constructor(deps: {
    repository: Repository;
    nodes: Nodes;
    revocations: Revocations;
    clock: HighWaterClock;
    timer: Clock;
    log: Log;
    intervalMs: number;
    keepSpentMs: number;
    ephemeralIdleMs: number;
  }) {
    this.#repository = deps.repository;
    this.#nodes = deps.nodes;
    this.#revocations = deps.revocations;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#keepSpentMs = deps.keepSpentMs;
    this.#ephemeralIdleMs = deps.ephemeralIdleMs;
    this.#cancel = deps.timer.every(deps.intervalMs, () => void this.sweep());
  }

  /** Sweeps once; a sweep under way is waited for first. */
  sweep(): Promise<void> {
    return this.#turns.take(() => this.#once());
  }

  async stop(): Promise<void> {
    this.#cancel();
    await this.#turns.done();
  }

  async #once(): Promise<void> {
    try {
      const now = this.#clock.now();
      await this.#clock.remember(this.#repository);
      await this.#revocations.refresh();
      for (const token of this.#repository.view.expiredTokens(now, BATCH)) await this.#tidyToken(token.value.id, now);
      for (const node of this.#repository.view.idleEphemeral(now - this.#ephemeralIdleMs, BATCH)) {
        await this.#nodes.remove(node.value.id, node.value.network, 'SweepEphemeral', SYSTEM, 'idle');
        this.#log.info('ephemeral node removed', { nodeId: node.value.id });
      }
    } catch (error) {
      this.#log.warn('sweep not finished, will be tried again', { error: String(error) });
    }
  }

  async #tidyToken(id: string, now: number): Promise<void> {
    await this.#repository.update((view) => {
      const token = view.token(id);
      if (token === undefined) return { if: [], then: [], result: undefined };
      const release = releaseOf(view, token.value);
      const over = token.value.expiresAtMs + this.#keepSpentMs <= now;
      return {
        if: [{ key: token.key, modRev: token.modRev }, ...release.if],
        then: [...release.then, ...(over ? [{ del: token.key }] : [])],
        result: undefined,
      };
    });
  }
}
