import { DomainError } from '../../domain/errors.js';
import type { Repository } from '../store/local-view.js';
import type { Leadership } from '../store/store.js';

/**
 * The repository for whoever does a job alone: each of its writes carries the fence of the leadership, so that one who was paused and
 * replaced in the meantime writes nothing more.
 *
 * `update` also throws DomainError `conflict` when the leadership is over.
 */
export function fencedRepository(repository: Repository, leadership: Pick<Leadership, 'fence' | 'isHeld'>): Repository {
  return {
    view: repository.view,
    reached: (rev) => repository.reached(rev),
    onApplied: (listener) => repository.onApplied(listener),
    update: (decide, discard) =>
      repository.update((view) => {
        if (!leadership.isHeld()) throw new DomainError('conflict', `${leadership.fence.key}: another server leads by now; this one leaves the job to it`);
        const decision = decide(view);
        return decision.then.length === 0 ? decision : { ...decision, if: [...decision.if, leadership.fence] };
      }, discard),
  };
}
