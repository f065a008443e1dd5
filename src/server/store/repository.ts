import { DomainError } from '../../domain/errors.js';
import type { AppliedRevision, Committed, Decision, LocalView, Repository } from './local-view.js';
import type { RevisionFeed } from './revision-feed.js';
import { UnknownOutcome, type Store, type TransactionResult } from './store.js';

const MAX_ROUNDS = 64;

/** A store that keeps losing answers is not asked for ever. */
const MAX_UNKNOWN = 8;

/** The repository over any store whose projection this process keeps. */
export class StoreRepository implements Repository {
  readonly view: LocalView;
  readonly #store: Store;
  readonly #feed: RevisionFeed;
  /** Whoever has lost a race waits here for the one before it, so that of many racers each round lets one through, in order. */
  #line: Promise<void> = Promise.resolve();

  constructor(store: Store, view: LocalView, feed: RevisionFeed) {
    this.#store = store;
    this.view = view;
    this.#feed = feed;
  }

  reached(rev: bigint): Promise<void> {
    return this.#feed.reached(rev);
  }

  onApplied(listener: (revision: AppliedRevision) => void): () => void {
    return this.#feed.subscribe(listener);
  }

  async update<T>(decide: (view: LocalView) => Decision<T>, discard: (result: T) => void = () => {}): Promise<Committed<T>> {
    const attempt = new Attempt(this.#store, this.view, this.#feed, decide, discard);
    const first = await attempt.round();
    if (first) return first;
    return this.#inLine(async () => {
      for (let rounds = 1; rounds < MAX_ROUNDS; rounds++) {
        const committed = await attempt.round();
        if (committed) return committed;
      }
      throw new DomainError('conflict', `others changed the same records ${MAX_ROUNDS} times in a row; try again`);
    });
  }

  #inLine<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#line.then(work);
    this.#line = turn.then(
      () => {},
      () => {},
    );
    return turn;
  }
}

/** One call of {@link Repository.update}: what it has decided so far, and what of that is still open. */
class Attempt<T> {
  readonly #store: Store;
  readonly #view: LocalView;
  readonly #feed: RevisionFeed;
  readonly #decide: (view: LocalView) => Decision<T>;
  readonly #discard: (result: T) => void;
  /** Results of decisions that may be committed or not. */
  #uncertain: T[] = [];

  constructor(store: Store, view: LocalView, feed: RevisionFeed, decide: (view: LocalView) => Decision<T>, discard: (result: T) => void) {
    this.#store = store;
    this.#view = view;
    this.#feed = feed;
    this.#decide = decide;
    this.#discard = discard;
  }

  /** Decides and commits once; undefined when it has to be decided again. */
  async round(): Promise<Committed<T> | undefined> {
    const decision = this.#decideOrDiscard();
    // It wants nothing written, so one of those in doubt is what it found.
    if (decision.then.length === 0) return { result: decision.result, rev: this.#view.rev };
    const outcome = await this.#commit(decision);
    if (outcome === undefined) return undefined;
    await this.#feed.reached(outcome.rev);
    if (!outcome.ok) {
      this.#discard(decision.result);
      return undefined;
    }
    this.#discardUncertain();
    return { result: decision.result, rev: outcome.rev };
  }

  async #commit(decision: Decision<T>): Promise<TransactionResult | undefined> {
    try {
      return await this.#store.txn({ if: decision.if, then: decision.then });
    } catch (error) {
      if (!(error instanceof UnknownOutcome)) {
        this.#discard(decision.result);
        throw error;
      }
      this.#uncertain.push(decision.result);
      if (this.#uncertain.length >= MAX_UNKNOWN) {
        throw new DomainError('store_failed', `cannot tell whether the request was carried out: ${error.message}`, { cause: error });
      }
      await this.#feed.reached(await this.#store.currentRev());
      return undefined;
    }
  }

  #decideOrDiscard(): Decision<T> {
    try {
      return this.#decide(this.#view);
    } catch (error) {
      // Having looked again it refuses, so none of its own is there.
      this.#discardUncertain();
      throw error;
    }
  }

  #discardUncertain(): void {
    for (const result of this.#uncertain) this.#discard(result);
    this.#uncertain = [];
  }
}
