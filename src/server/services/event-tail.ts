import { DomainError } from '../../domain/errors.js';
import type { WatchEventsRequest, WatchEventsResponse } from '../../gen/networkcontroller/v1/admin.js';
import { kindOf, ROOT } from '../store/keys.js';
import type { AppliedRevision, Repository } from '../store/local-view.js';

/** Where events go; `write` says false when the reader is behind. */
export interface EventSink {
  write(event: WatchEventsResponse): boolean;
  onDrain(listener: () => void): void;
  onClose(listener: () => void): void;
  end(): void;
  fail(error: DomainError): void;
}

const BATCH = 500;
/** Keys with a network after their kind. */
const WITH_NETWORK: ReadonlySet<string | undefined> = new Set(['node', 'address', 'name', 'service', 'presence', 'nodeBundle']);

/**
 * Reads the event log in order from any kept revision, and goes on with what is applied. The log itself is the queue:
 * a slow reader is behind in the log and costs no memory.
 */
export class EventTail {
  readonly #repository: Repository;

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  /** Serves one reader: from revision `fromRevision` (0: from now on, or the oldest kept when not following). */
  open(request: WatchEventsRequest, sink: EventSink): void {
    const { view } = this.#repository;
    const first = request.follow ? view.rev + 1n : view.oldestRev;
    let next = request.fromRevision === 0n ? first : request.fromRevision;
    let left = request.limit === 0 ? Number.POSITIVE_INFINITY : request.limit;
    let blocked = false;
    const pump = (): void => {
      while (!blocked && left > 0) {
        const revisions = view.revisionsFrom(next, BATCH);
        if (revisions === undefined) return sink.fail(compacted(next));
        if (revisions.length === 0) break;
        for (const revision of revisions) {
          next = revision.rev + 1n;
          for (const event of eventsOf(revision)) if (left-- > 0) blocked = !sink.write(event) || blocked;
        }
      }
      if (left <= 0 || (!request.follow && !blocked)) sink.end();
    };
    const unsubscribe = request.follow ? this.#repository.onApplied(() => setImmediate(pump)) : () => {};
    sink.onClose(() => {
      blocked = true;
      unsubscribe();
    });
    sink.onDrain(() => {
      blocked = false;
      pump();
    });
    pump();
  }
}

/** The changes of a revision, as everybody may be told of them: what changed, never to what. What only passes through the store is none. */
export function eventsOf(revision: AppliedRevision): WatchEventsResponse[] {
  return revision.events.filter(({ key }) => kindOf(key) !== 'signal').map((event) => {
    const kind = kindOf(event.key) ?? '';
    const parts = event.key.slice(ROOT.length).split('/');
    return {
      revision: revision.rev,
      atMs: revision.atMs,
      operation: event.type,
      kind,
      object: parts.at(-1) ?? '',
      network: WITH_NETWORK.has(kind) ? (parts[1] ?? '') : '',
    };
  });
}

function compacted(revision: bigint): DomainError {
  return new DomainError('revision_compacted', `from_revision: ${revision} is not kept any more; start from 0 or take the archived log`);
}
