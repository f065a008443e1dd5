import type { Log } from '../../platform/log.js';
import type { AppliedRevision } from './local-view.js';

/** Tells, in order and once, of each revision that this replica has applied. */
export class RevisionFeed {
  readonly #log: Log;
  readonly #listeners = new Map<(revision: AppliedRevision) => void, bigint>();
  readonly #waiting = new Set<{ rev: bigint; resolve: () => void }>();
  #rev: bigint;

  constructor(rev: bigint, log: Log) {
    this.#rev = rev;
    this.#log = log;
  }

  /** The revision told of last. */
  get rev(): bigint {
    return this.#rev;
  }

  /** Calls `listener` for each revision after the present one; the returned function ends that. */
  subscribe(listener: (revision: AppliedRevision) => void): () => void {
    this.#listeners.set(listener, this.#rev);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves once `rev` has been told of. */
  reached(rev: bigint): Promise<void> {
    if (rev <= this.#rev) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add({ rev, resolve }));
  }

  /** Tells of `revisions`, whose last one is `rev`. */
  publish(revisions: readonly AppliedRevision[], rev: bigint): void {
    this.#rev = rev;
    for (const revision of revisions) {
      // A listener that came during this very call has seen what its snapshot holds, which is all of the batch.
      for (const [listener, since] of this.#listeners) {
        if (revision.rev > since) this.#tell(listener, revision);
      }
    }
    for (const waiting of this.#waiting) {
      if (waiting.rev > rev) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }

  #tell(listener: (revision: AppliedRevision) => void, revision: AppliedRevision): void {
    try {
      listener(revision);
    } catch (error) {
      // The revision is committed whatever a listener makes of it, and the next listener must hear of it too.
      this.#log.error('a listener failed on a revision', { rev: revision.rev.toString(), error });
    }
  }
}
