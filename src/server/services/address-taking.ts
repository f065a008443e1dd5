import { DomainError } from '../../domain/errors.js';
import type { TokenRecord } from '../../gen/networkcontroller/store/v1/records.js';
import { keys } from '../store/keys.js';
import type { LocalView } from '../store/local-view.js';
import type { Compare, Operation } from '../store/store.js';
import { addressKey, type AddressPools, type Claim } from './address-pools.js';
import { removalOf } from './node-removal.js';
import type { PresenceBoard } from './presence.js';
import type { SetAside } from './set-aside.js';

/** An address for a new node, and what the transaction must compare and write for it to be one. */
export interface TakenAddress {
  readonly claim: Claim;
  readonly if: readonly Compare[];
  readonly then: readonly Operation[];
}

/** How many are looked at for one that no other decision is taking already. */
const CANDIDATES = 64;

/**
 * Finds a new node its address: the one its token is bound to, else the lowest free one, else one that still rests,
 * else that of the node idle longest, which thereby ends. Connected nodes, the reserved one and static addresses are
 * never taken.
 */
export class AddressTaking {
  readonly #pools: AddressPools;
  readonly #presence: PresenceBoard;
  /** Addresses and nodes that a decision under way is about to take over. */
  readonly #inFlight = new Set<string>();

  constructor(deps: { pools: AddressPools; presence: PresenceBoard }) {
    this.#pools = deps.pools;
    this.#presence = deps.presence;
  }

  /**
   * @param nowMs Stands in the certificates of a node that loses its address.
   * @throws DomainError `address_taken` for a bound address, `pool_exhausted` when nobody can be asked to go.
   */
  take(view: LocalView, token: TokenRecord, aside: SetAside, nowMs: number): TakenAddress {
    if (token.bindIp !== '') return this.#bound(view, token);
    return this.#free(token.network, aside) ?? this.#rested(view, token.network, aside) ?? this.#reclaimed(view, token.network, aside, nowMs);
  }

  #bound(view: LocalView, token: TokenRecord): TakenAddress {
    const claim = this.#pools.claimOf(token.network, token.bindIp);
    const held = view.address(token.network, token.bindIp);
    if (held !== undefined && held.value.tokenId !== token.id && held.value.quarantinedUntilMs === 0) {
      throw new DomainError('address_taken', `bind_ip: ${token.bindIp}, to which the token is bound, belongs to another node; make a token for a free address`);
    }
    const key = addressKey(claim);
    return { claim, if: [held === undefined ? { key, absent: true } : { key, modRev: held.modRev }], then: [] };
  }

  #free(network: string, aside: SetAside): TakenAddress | undefined {
    const claim = this.#pools.claimLowest(network);
    if (claim === undefined) return undefined;
    aside.add(() => this.#pools.settle(claim));
    return { claim, if: [{ key: addressKey(claim), absent: true }], then: [] };
  }

  /** An address that still rests is given out early before any node loses its own. */
  #rested(view: LocalView, network: string, aside: SetAside): TakenAddress | undefined {
    const resting = view.quarantinedLongest(network, CANDIDATES).find((entry) => this.#take(entry.key, aside));
    if (resting === undefined) return undefined;
    const claim = this.#pools.claimOf(network, resting.key.slice(resting.key.lastIndexOf('/') + 1));
    return { claim, if: [{ key: resting.key, modRev: resting.modRev }], then: [] };
  }

  #reclaimed(view: LocalView, network: string, aside: SetAside, nowMs: number): TakenAddress {
    const victim = view.idleLongest(network, CANDIDATES).find(({ value }) => !this.#presence.isHere(value.id) && this.#take(value.id, aside));
    const held = victim === undefined ? undefined : view.address(network, victim.value.bindIp);
    if (victim === undefined || held === undefined) {
      throw new DomainError(
        'pool_exhausted',
        `network ${network}: all ${this.#pools.capacity(network)} addresses belong to nodes that are connected or keep theirs; unregister a node or enlarge the network`,
      );
    }
    const removal = removalOf(view, victim, nowMs);
    return {
      claim: this.#pools.claimOf(network, victim.value.bindIp),
      if: [...removal.if, presenceGuard(view, network, victim.value.id), { key: held.key, modRev: held.modRev }],
      then: removal.then,
    };
  }

  #take(id: string, aside: SetAside): boolean {
    if (this.#inFlight.has(id)) return false;
    this.#inFlight.add(id);
    aside.add(() => this.#inFlight.delete(id));
    return true;
  }
}

/** Fails the transaction if the node comes back meanwhile, here or at another replica. */
function presenceGuard(view: LocalView, network: string, nodeId: string): Compare {
  const key = keys.presence(network, nodeId);
  const presence = view.presence(network, nodeId);
  return presence === undefined ? { key, absent: true } : { key, modRev: presence.modRev };
}
