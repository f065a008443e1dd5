import type { Clock } from '../../platform/clock.js';
import type { Stoppable } from '../../platform/lifecycle.js';
import type { Log } from '../../platform/log.js';
import type { Repository } from '../store/local-view.js';
import type { Store } from '../store/store.js';
import { Singleton } from './singleton.js';

/** What one server of the cluster does for all: tidying, and copies of the records and of the event log. */
export type Role = 'upkeep' | 'copies';

/** A server that is lost is replaced after so long, or twice as long when etcd has lost a member too. */
const TTL_SECONDS = 10;

/** Which of the jobs that are done once this server does. Where it is the only server, it does all of them at once. */
export class Roles {
  readonly #deps: { readonly repository: Repository; readonly store: Store; readonly id: string; readonly isShared: boolean; readonly isObserver: boolean; readonly clock: Clock; readonly log: Log };
  readonly #singletons = new Map<Role, Singleton>();
  readonly #own = new Set<Role>();

  /** @param deps `isShared` tells whether other servers use the store; an observer stands for nothing. */
  constructor(deps: { repository: Repository; store: Store; id: string; isShared: boolean; isObserver: boolean; clock: Clock; log: Log }) {
    this.#deps = deps;
  }

  /** Stands for a role. @param start Begins the work, each time that this server leads; it writes through the repository that it is given. */
  take(role: Role, start: (repository: Repository) => Stoppable): Stoppable {
    const { repository, store, id, isShared, isObserver, clock, log } = this.#deps;
    if (isObserver) return { stop: () => {} };
    if (!isShared) {
      this.#own.add(role);
      return start(repository);
    }
    const singleton = new Singleton({ role, repository, campaign: () => store.campaign(role, id, TTL_SECONDS), start, clock, log });
    this.#singletons.set(role, singleton);
    return singleton;
  }

  /** Gives all roles to other servers, where there are any, and stands for none again. */
  async leave(): Promise<void> {
    await Promise.all([...this.#singletons.values()].map((singleton) => singleton.stop()));
  }

  /** The roles that this server has because there is no other, of which there is no record. */
  withoutRecord(): readonly Role[] {
    return [...this.#own];
  }

  /** The repository for writes as the leader of a role; undefined while this server does not lead it. */
  as(role: Role): Repository | undefined {
    return this.#own.has(role) ? this.#deps.repository : this.#singletons.get(role)?.repository;
  }
}
