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
  /** A clock that goes on evenly, ms since any moment. */
  elapsedMs(): number;
  readonly log: Log;
  /** Rejects when the store closes. */
  readonly closing: Promise<never>;
}

/** Of the time that a key stands without renewal: when it is renewed, and when its holder stops, which is 2 s before the end of 10 s. */
const RENEW_AT = 0.3;
const STOP_AT = 0.8;

/** Waits until the key of `role` is ours, as {@link Store.campaign} says. */
export async function campaign(electorate: Electorate, role: string, id: string, ttlSeconds: number): Promise<Leadership> {
  const { store } = electorate;
  const key = keys.lead(role);
  const ttlMs = ttlSeconds * 1000;
  for (;;) {
    const askedAtMs = electorate.elapsedMs();
    const claim = await electorate.claim(key, new TextEncoder().encode(id), ttlMs);
    if (claim.ok) return new Lease(electorate, key, claim, ttlMs, askedAtMs);
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
  readonly #stopTimers: () => void;
  /** When its renewal was asked for last: it stands for at least its full time from then. */
  #renewedAtMs: number;
  #isOver = false;
  #end!: () => void;

  constructor(electorate: Electorate, key: string, claim: Claim, ttlMs: number, renewedAtMs: number) {
    this.#electorate = electorate;
    this.#key = key;
    this.#claim = claim;
    this.#ttlMs = ttlMs;
    this.#renewedAtMs = renewedAtMs;
    this.fence = { key, modRev: claim.rev };
    this.lost = new Promise((resolve) => (this.#end = resolve));
    this.#watch = electorate.store.watch(key, claim.rev + 1n, (message) => {
      if (message.kind !== 'progress') this.#over();
    });
    const { clock } = electorate;
    const stopRenewing = clock.every(ttlMs * RENEW_AT, () => void this.#renew());
    const stopLooking = clock.every(ttlMs * (1 - STOP_AT) / 2, () => void this.isHeld());
    this.#stopTimers = () => [stopRenewing, stopLooking].forEach((stop) => stop());
    electorate.closing.catch(() => this.#over());
  }

  isHeld(): boolean {
    // Ours may be gone by now: who cannot tell must not act.
    if (this.#electorate.elapsedMs() - this.#renewedAtMs >= this.#ttlMs * STOP_AT) this.#over();
    return !this.#isOver;
  }

  async resign(): Promise<void> {
    this.#over();
    await this.#electorate.store.txn({ if: [this.fence], then: [{ del: this.#key }] });
  }

  async #renew(): Promise<void> {
    if (!this.isHeld()) return;
    const { elapsedMs, log } = this.#electorate;
    const askedAtMs = elapsedMs();
    try {
      if (await this.#claim.renew()) this.#renewedAtMs = askedAtMs;
      else this.#over();
    } catch (error) {
      log.warn('cannot renew a leadership', { key: this.#key, error });
    }
  }

  #over(): void {
    this.#isOver = true;
    this.#stopTimers();
    this.#watch.close();
    this.#end();
  }
}
