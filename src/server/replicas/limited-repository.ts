import { DomainError } from '../../domain/errors.js';
import type { Committed, Decision, LocalView, Repository } from '../store/local-view.js';

/** What a server may do among others. */
export interface Limits {
  /** Its own name, which nobody is sent to. */
  readonly name: string;
  readonly role: 'full' | 'observer';
}

/**
 * The repository of a server among others: an observer writes nothing, and whoever cannot reach the majority of etcd says who may.
 *
 * `update` also throws DomainError `read_only` at an observer, and names other servers in its `store_failed`.
 */
export function limitedRepository(repository: Repository, { name, role }: Limits): Repository {
  return {
    view: repository.view,
    reached: (rev) => repository.reached(rev),
    onApplied: (listener) => repository.onApplied(listener),
    async update(decide, discard) {
      if (role === 'observer') return observe(repository.view, decide, name);
      try {
        return await repository.update(decide, discard);
      } catch (error) {
        throw error instanceof DomainError && error.code === 'store_failed' ? pointing(error, repository.view, name) : error;
      }
    },
  };
}

/** Refuses a change that an observer is asked for. */
export function readOnly(view: LocalView, name: string): DomainError {
  const where = others(view, name);
  const who = where === '' ? 'no server that takes changes runs now' : `changes are taken by ${where}`;
  return new DomainError('read_only', `${name} is an observer, which only reads: ${who}`);
}

function observe<T>(view: LocalView, decide: (view: LocalView) => Decision<T>, name: string): Committed<T> {
  const { then, result } = decide(view);
  if (then.length > 0) throw readOnly(view, name);
  return { result, rev: view.rev };
}

function pointing(error: DomainError, view: LocalView, name: string): DomainError {
  const where = others(view, name);
  return where === '' ? error : new DomainError('store_failed', `${error.message}; servers that may still reach it: ${where}`, { cause: error });
}

/** Those that were last known to take changes. */
function others(view: LocalView, name: string): string {
  const records = view.replicas().map(({ value }) => value).filter((record) => record.name !== name && record.state !== 'observer');
  return records.map((record) => `${record.name} at ${record.control[0] ?? '?'}`).join(', ');
}
