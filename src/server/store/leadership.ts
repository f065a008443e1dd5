import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { keys } from './keys.js';
import type { Compare, Leadership, Store, StoreWatch, TransactionResult, WatchMessage } from './store.js';

/** What became of an attempt to take a role. */
export interface Claim extends Pick<TransactionResult, 'ok' | 'rev'> {
  /** Lets the key stand for its full time again; tells whether it was still there. */
  renew(): Promise<boolean>;
}

/** What a campaign needs of its store. */
export interface Electorate {
  readonly store: Store;
  /** Makes `key` if it is absent, to be deleted when it is not renewed for `ttlMs`. */
  claim(key: string, value: Uint8Array, ttlMs: number): Promise<Claim>;
  readonly clock: Clock;
  readonly log: Log;
  /** Rejects when the store closes. */
  readonly closing: Promise<never>;
}

/** Waits until the key of `role` is ours, as {@link Store.campaign} says. */
export async function campaign(electorate: Electorate, role: string, id: string, ttlSeconds: number): Promise<Leadership> {
  const { store, clock } = electorate;
  const key = keys.lead(role);
  const ttlMs = ttlSeconds * 1000;
  for (;;) {
    const expireAtMs = clock.now() + ttlMs;
    const claim = await electorate.claim(key, new TextEncoder().encode(id), ttlMs);
    if (claim.ok) return new Lease(electorate, key, claim, ttlMs, expireAtMs);
    await Promise.race([vacancy(store, key, claim.rev + 1n), electorate.closing]);
  }
}

/** Resolves when `key` may be free again. */
function vacancy(store: Store, key: string, fromRev: bigint): Promise<void> {
  return new Promise((resolve) => {
    const watch = store.watch(key, fromRev, (message) => {
      if (message.kind !== 'compacted' && !deletes(message, key)) return;
      watch.close();
      resolve();
    });
  });
}

function deletes(message: WatchMessage, key: string): boolean {
  return message.kind === 'events' && message.events.some((event) => event.key === key && event.type === 'delete');
}

/** A leadership held through a key that goes when it is not kept alive. */
class Lease implements Leadership {
  readonly fence: Compare;
  readonly lost: Promise<void>;
  readonly #electorate: Electorate;
  readonly #key: string;
  readonly #claim: Claim;
  readonly #ttlMs: number;
  readonly #watch: StoreWatch;
  readonly #stopRenewing: () => void;
  #expireAtMs: number;
  #end!: () => void;

  constructor(electorate: Electorate, key: string, claim: Claim, ttlMs: number, expireAtMs: number) {
    this.#electorate = electorate;
    this.#key = key;
    this.#claim = claim;
    this.#ttlMs = ttlMs;
    this.#expireAtMs = expireAtMs;
    this.fence = { key, modRev: claim.rev };
    this.lost = new Promise((resolve) => (this.#end = resolve));
    this.#watch = electorate.store.watch(key, claim.rev + 1n, (message) => {
      if (message.kind !== 'progress') this.#over();
    });
    this.#stopRenewing = electorate.clock.every(ttlMs / 3, () => void this.#renew());
    electorate.closing.catch(() => this.#over());
  }

  async resign(): Promise<void> {
    this.#over();
    await this.#electorate.store.txn({ if: [this.fence], then: [{ del: this.#key }] });
  }

  async #renew(): Promise<void> {
    const { clock, log } = this.#electorate;
    // Ours may be gone by now: who cannot tell must not act.
    if (clock.now() >= this.#expireAtMs) return this.#over();
    const expireAtMs = clock.now() + this.#ttlMs;
    try {
      if (await this.#claim.renew()) this.#expireAtMs = expireAtMs;
      else this.#over();
    } catch (error) {
      log.warn('cannot renew a leadership', { key: this.#key, error });
    }
  }

  #over(): void {
    this.#stopRenewing();
    this.#watch.close();
    this.#end();
  }
}
