import { randomInt } from 'node:crypto';
import type { Peer } from './peer.js';
import type { RelayPair } from './relay-pair.js';
import type { Session } from '../../platform/wireguard/protocol/session.js';

/**
 * What to do with messages that name a receiver index: open them with `session` when it is set, else pass
 * them from peer `from` to peer `to`.
 */
export class Route {
  /** The next one with the same index. Nodes draw indices at random and independently, so two may draw the same. */
  following: Route | undefined;
  expiresAtMs = 0;
  /** Whether the handshake it came with has been answered. */
  established = false;

  constructor(
    readonly index: number,
    readonly from: Peer,
    readonly session: Session | undefined,
    readonly to: Peer | undefined,
    readonly pair: RelayPair | undefined,
  ) {}
}

/** Routes by receiver index, in one table so that a packet costs one lookup. */
export class RouteTable {
  readonly #first = new Map<number, Route>();

  /** The first route of `index`; a session of the controller comes before all others. */
  get(index: number): Route | undefined {
    return this.#first.get(index);
  }

  /** An index that nobody uses. */
  freeIndex(): number {
    for (;;) {
      const index = randomInt(2 ** 32);
      if (!this.#first.has(index)) return index;
    }
  }

  /** Adds a session of the controller's own, whose index is free. */
  addSession(from: Peer, session: Session): void {
    this.#first.set(session.localIndex, new Route(session.localIndex, from, session, undefined, undefined));
  }

  /**
   * Adds a route behind those that are there. So a node that draws the index of a session, by chance or not, receives
   * only what does not authenticate here, and cannot take the session away.
   */
  addRelay(index: number, from: Peer, to: Peer, pair: RelayPair): Route {
    const route = new Route(index, from, undefined, to, pair);
    const first = this.#first.get(index);
    if (first === undefined) this.#first.set(index, route);
    else lastOf(first).following = route;
    return route;
  }

  /** The relay route by which `from` addresses `index`. */
  relayFrom(from: Peer, index: number): Route | undefined {
    let route = this.#first.get(index);
    while (route !== undefined && (route.session !== undefined || route.from !== from)) route = route.following;
    return route;
  }

  removeSession(session: Session): void {
    for (let route = this.#first.get(session.localIndex); route !== undefined; route = route.following) {
      if (route.session === session) return this.remove(route);
    }
  }

  remove(gone: Route): void {
    const first = this.#first.get(gone.index);
    if (first !== gone) {
      let before = first;
      while (before !== undefined && before.following !== gone) before = before.following;
      if (before !== undefined) before.following = gone.following;
    } else if (gone.following === undefined) {
      this.#first.delete(gone.index);
    } else {
      this.#first.set(gone.index, gone.following);
    }
  }
}

function lastOf(route: Route): Route {
  let last = route;
  while (last.following !== undefined) last = last.following;
  return last;
}
