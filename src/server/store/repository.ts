import { DomainError } from '../../domain/errors.js';
import { Turns } from '../../platform/turns.js';
import { kindOf } from './keys.js';
import type { AppliedRevision, Committed, Decision, LocalView, Repository } from './local-view.js';
import type { RevisionFeed } from './revision-feed.js';
import { UnknownOutcome, type Store, type TransactionResult } from './store.js';

const MAX_ROUNDS = 64;

/** Rounds lost in a row after which nobody else begins: newcomers that take turns can be a moment earlier every time. */
const PATIENCE_ROUNDS = 8;

/** A store that keeps losing answers is not asked for ever. */
const MAX_UNKNOWN = 8;

/** The repository over any store whose projection this process keeps. */
export class StoreRepository implements Repository {
  readonly view: LocalView;
  readonly #store: Store;
  readonly #feed: RevisionFeed;
  /** Whoever has lost a race waits here for the one before it, so that of many racers each round lets one through, in order. */
  readonly #line = new Turns();
  /** Closed while the first in line has lost too often. */
  #gate: Promise<void> | undefined;

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
    while (this.#gate !== undefined) await this.#gate;
    const attempt = new Attempt(this.#store, this.view, this.#feed, decide, discard);
    return (await attempt.round()) ?? this.#line.take(() => this.#insist(attempt));
  }

  async #insist<T>(attempt: Attempt<T>): Promise<Committed<T>> {
    let open = (): void => {};
    try {
      for (let rounds = 1; rounds < MAX_ROUNDS; rounds++) {
        if (rounds === PATIENCE_ROUNDS) open = this.#close();
        const committed = await attempt.round();
        if (committed) return committed;
      }
    } finally {
      open();
    }
    throw new DomainError('conflict', `others changed the same records ${MAX_ROUNDS} times in a row; try again`);
  }

  /** Lets nobody else begin. @returns what lets them again. */
  #close(): () => void {
    let open = (): void => {};
    this.#gate = new Promise((resolve) => (open = resolve));
    return () => {
      this.#gate = undefined;
      open();
    };
  }
}

/** One call of {@link Repository.update}: what it has decided so far, and what of that is still open. */
class Attempt<T> {
  readonly #store: Store;
  readonly #view: LocalView;
  readonly #feed: RevisionFeed;
  readonly #decide: (view: LocalView) => Decision<T>;
  readonly #discard: (result: T) => void;
  /** Decisions that may be committed or not. */
  #uncertain: Decision<T>[] = [];

  constructor(store: Store, view: LocalView, feed: RevisionFeed, decide: (view: LocalView) => Decision<T>, discard: (result: T) => void) {
    this.#store = store;
    this.#view = view;
    this.#feed = feed;
    this.#decide = decide;
    this.#discard = discard;
  }

  /** Decides and commits once; undefined when it has to be decided again. */
  async round(): Promise<Committed<T> | undefined> {
    let decision: Decision<T>;
    try {
      decision = this.#decide(this.#view);
    } catch (error) {
      // What it refuses may be what it has done itself: to remove what is gone already.
      const own = await this.#ownCommit();
      if (own !== undefined) return own;
      this.#discardUncertain();
      throw error;
    }
    // It wants nothing written, so one of those in doubt is what it found.
    if (decision.then.length === 0) return { result: decision.result, rev: this.#view.rev };
    const outcome = await this.#commit(decision);
    if (outcome === undefined) return this.#ownCommit();
    await this.#feed.reached(outcome.rev);
    if (!outcome.ok) {
      this.#discard(decision.result);
      return this.#ownCommit();
    }
    this.#discardUncertain();
    return { result: decision.result, rev: outcome.rev };
  }

  /** @returns undefined when its outcome is unknown; the view then shows whatever had come of it by then. */
  async #commit(decision: Decision<T>): Promise<TransactionResult | undefined> {
    try {
      return await this.#store.txn({ if: decision.if, then: decision.then });
    } catch (error) {
      if (!(error instanceof UnknownOutcome)) {
        this.#discard(decision.result);
        throw this.#giveUp(error);
      }
      this.#uncertain.push(decision);
      if (this.#uncertain.length >= MAX_UNKNOWN) throw this.#giveUp(error);
    }
    try {
      await this.#feed.reached(await this.#store.currentRev());
    } catch (error) {
      throw this.#giveUp(error);
    }
    return undefined;
  }

  /** Finds the one of those in doubt that was committed, by its audit record: no other change has the same. */
  async #ownCommit(): Promise<Committed<T> | undefined> {
    for (const decision of this.#uncertain) {
      const audit = decision.then.find((operation) => 'put' in operation && kindOf(operation.put) === 'audit');
      const record = audit !== undefined && 'put' in audit ? await this.#store.get(audit.put) : undefined;
      if (record === undefined) continue;
      this.#uncertain = this.#uncertain.filter((each) => each !== decision);
      this.#discardUncertain();
      return { result: decision.result, rev: record.modRev };
    }
    return undefined;
  }

  /** What to tell of an error after which nothing more is tried. */
  #giveUp(error: unknown): unknown {
    if (this.#uncertain.length === 0) return error;
    this.#discardUncertain();
    return new DomainError('outcome_unknown', `cannot tell whether the request was carried out: ${(error as Error).message}`, { cause: error });
  }

  #discardUncertain(): void {
    for (const { result } of this.#uncertain) this.#discard(result);
    this.#uncertain = [];
  }
}
