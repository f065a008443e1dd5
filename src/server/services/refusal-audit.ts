import { LRUCache } from 'lru-cache';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import type { Store } from '../store/store.js';
import { refusalOperation, type Refusal } from './audit.js';

/** Refusals of one kind within this time are one record, which says how many they were. */
const WINDOW_MS = 60_000;
/** Kinds that are told apart; a flood of forged sources pushes the quiet ones out, it does not grow. */
const MAX_KINDS = 10_000;

interface Tally {
  readonly refusal: Refusal;
  count: number;
}

/**
 * Puts refusals into the audit log: the first of its kind at once, its repetitions summed up, so that nobody fills the store
 * by being refused.
 */
export class RefusalAudit {
  readonly #store: Pick<Store, 'txn'>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #tallies = new LRUCache<string, Tally>({ max: MAX_KINDS });
  readonly #cancel: () => void;

  constructor(deps: { store: Pick<Store, 'txn'>; clock: Clock; log: Log }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#cancel = deps.clock.every(WINDOW_MS, () => void this.flush());
  }

  /** Notes one refusal. */
  note(refusal: Refusal): void {
    const kind = [refusal.actor, refusal.peerAddress, refusal.method, refusal.result].join(' ');
    const tally = this.#tallies.get(kind);
    if (tally !== undefined) {
      tally.count++;
      return;
    }
    this.#tallies.set(kind, { refusal, count: 0 });
    void this.#write(refusal);
  }

  /** Writes how often each kind came again, and begins a new window. */
  async flush(): Promise<void> {
    const repeated = [...this.#tallies.values()].filter(({ count }) => count > 0);
    this.#tallies.clear();
    await Promise.all(repeated.map(({ refusal, count }) => this.#write({ ...refusal, reason: `${refusal.reason} (and ${count} more within a minute)` })));
  }

  async stop(): Promise<void> {
    this.#cancel();
    await this.flush();
  }

  async #write(refusal: Refusal): Promise<void> {
    try {
      await this.#store.txn({ if: [], then: [refusalOperation(refusal, this.#clock.now())] });
    } catch (error) {
      this.#log.warn('refusal not written to the audit log', { method: refusal.method, code: refusal.result, error: String(error) });
    }
  }
}
