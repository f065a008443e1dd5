import { LRUCache } from 'lru-cache';
import type { TokenRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { LocalView } from '../store/local-view.js';
import type { SetAside } from './set-aside.js';

/** Of how many tokens it is remembered how far they are spent. */
const REMEMBERED = 1_000;

/**
 * Hands out the uses of tokens with a bound. Each use is a key that can be made once, so the bound holds in the store;
 * here the uses on their way to it are remembered, so that callers at the same time do not meet on one.
 */
export class TokenUses {
  readonly #inFlight = new Map<string, Set<number>>();
  /** How many uses from the first on are spent without a gap. What is spent stays spent. */
  readonly #spent = new LRUCache<string, number>({ max: REMEMBERED });

  /**
   * Sets the next use of `token` aside.
   *
   * @returns Its number from 0, or undefined when all are spent or about to be.
   */
  claim(view: LocalView, token: TokenRecord, aside: SetAside): number | undefined {
    const inFlight = this.#inFlight.get(token.id) ?? new Set<number>();
    for (let n = this.#firstOpen(view, token); n < token.maxUses; n++) {
      if (inFlight.has(n) || view.tokenUse(token.id, n) !== undefined) continue;
      this.#inFlight.set(token.id, inFlight.add(n));
      aside.add(() => this.#drop(token.id, n));
      return n;
    }
    return undefined;
  }

  #firstOpen(view: LocalView, token: TokenRecord): number {
    let n = this.#spent.get(token.id) ?? 0;
    while (n < token.maxUses && view.tokenUse(token.id, n) !== undefined) n++;
    this.#spent.set(token.id, n);
    return n;
  }

  #drop(tokenId: string, n: number): void {
    const inFlight = this.#inFlight.get(tokenId);
    inFlight?.delete(n);
    if (inFlight?.size === 0) this.#inFlight.delete(tokenId);
  }
}
