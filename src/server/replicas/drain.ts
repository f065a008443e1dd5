import { DomainError } from '../../domain/errors.js';
import type { Replica } from '../../gen/networkcontroller/v1/admin.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import type { Caller } from '../auth/caller.js';
import { actorOf } from '../auth/caller.js';
import type { MapFeed } from '../feed/map-feed.js';
import { auditOperation } from '../services/audit.js';
import type { ClusterFacts } from '../services/cluster-facts.js';
import { reconnectSeconds } from '../services/pacing.js';
import { keys } from '../store/keys.js';
import type { Repository } from '../store/local-view.js';
import { encodeRecord } from '../store/records.js';
import { takesNodes, type ReplicaBoard } from './replica-board.js';

/** What {@link Drain} works with. */
export interface DrainDeps {
  readonly repository: Repository;
  readonly board: ReplicaBoard;
  readonly facts: ClusterFacts;
  readonly feed: Pick<MapFeed, 'broadcast' | 'watcherCount'>;
  /** Gives the jobs that one server does to another one. */
  leave(): Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

/** A request that is not met by then is forgotten. */
const REQUEST_MS = 10 * 60_000;
/** How much longer than they were given nodes are waited for. */
const PATIENCE_MS = 5_000;
const LOOK_MS = 50;

/** Sends this server's nodes away, before it stops or because an admin wants it so. */
export class Drain {
  readonly #deps: DrainDeps;
  readonly #listeners: (() => void)[] = [];
  #begun: Promise<number> | undefined;
  #emptied: Promise<void> | undefined;

  constructor(deps: DrainDeps) {
    this.#deps = deps;
    const own = keys.drain(deps.board.own().id);
    deps.repository.onApplied(({ events }) => {
      if (events.some(({ key, type }) => key === own && type === 'put')) void this.begin();
    });
  }

  /** Calls `listener` when this server begins to drain. */
  onBegin(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Asks a server, this one or another, to send its nodes away.
   *
   * @param wanted Its name or id.
   * @throws DomainError `replica_unknown`; `invalid_argument` when there is no other server for its nodes.
   */
  async request(wanted: string, caller: Caller): Promise<Replica> {
    const { repository, board, clock } = this.#deps;
    const replica = find(board.list(), wanted);
    await repository.update(() => ({
      if: [],
      then: [
        { put: keys.drain(replica.id), value: encodeRecord('drain', actorOf(caller)), expireAtMs: clock.now() + REQUEST_MS },
        auditOperation(caller, { object: `replica/${replica.name}`, method: 'DrainReplica' }, clock.now()),
      ],
      result: undefined,
    }));
    return replica;
  }

  /**
   * Takes no more nodes, gives its jobs away and asks all nodes to go, each at a moment of its own.
   *
   * @returns Within how many seconds.
   */
  begin(): Promise<number> {
    this.#begun ??= this.#begin();
    return this.#begun;
  }

  /** Begins, and resolves when all nodes have gone elsewhere, or will not; at once when there is no other server for them. Idempotent. */
  empty(): Promise<void> {
    this.#emptied ??= this.#empty();
    return this.#emptied;
  }

  async #empty(): Promise<void> {
    const withinSeconds = await this.begin();
    const { board, feed, clock } = this.#deps;
    if (!board.list().some(isRefuge)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        cancelLook();
        cancelWait();
        resolve();
      };
      const cancelLook = clock.every(LOOK_MS, () => {
        if (feed.watcherCount === 0) done();
      });
      const cancelWait = clock.after(feed.watcherCount === 0 ? 0 : withinSeconds * 1000 + PATIENCE_MS, done);
    });
  }

  async #begin(): Promise<number> {
    const { facts, feed, leave, log } = this.#deps;
    facts.enter('draining');
    for (const listener of this.#listeners) listener();
    leave().catch((error: unknown) => log.warn('jobs of this server are left to their leases', { error: String(error) }));
    const reconnectWithinSeconds = reconnectSeconds(feed.watcherCount);
    log.info('draining', { agents: feed.watcherCount, reconnectWithinSeconds });
    await feed.broadcast({ $case: 'goAway', value: { reconnectWithinSeconds } });
    return reconnectWithinSeconds;
  }
}

function find(replicas: readonly Replica[], wanted: string): Replica {
  // Of one that has crashed and is back, the one that is back.
  const found = replicas.findLast(({ id, name }) => id === wanted || name === wanted);
  if (found === undefined) throw new DomainError('replica_unknown', `replica: want one of ${replicas.map(({ name }) => name).join(', ')}, got ${JSON.stringify(wanted)}`);
  if (!replicas.some((replica) => replica.id !== found.id && takesNodes(replica))) {
    throw new DomainError('invalid_argument', `replica: want another server that runs, to which the nodes of ${found.name} can go; there is none`);
  }
  return found;
}

function isRefuge(replica: Replica): boolean {
  return !replica.isSelf && takesNodes(replica);
}
