import type { Clock } from '../../../platform/clock.js';
import type { EtcdMembers } from './etcd-members.js';

/** An expiry is put off by up to this part of the time until it, so that many keys share a lease. */
const COARSENESS = 16;

const SECOND_MS = 1000;

/**
 * The leases that make etcd delete keys after their time. A lease costs etcd memory and a round through the majority, so keys that
 * expire at about the same time share one.
 */
export class LeaseBook {
  readonly #members: EtcdMembers;
  readonly #clock: Clock;
  /** By the time at which it ends, UTC ms. */
  readonly #leases = new Map<number, Promise<bigint>>();

  constructor(members: EtcdMembers, clock: Clock) {
    this.#members = members;
    this.#clock = clock;
  }

  /**
   * A lease that ends at `expireAtMs` or some time later.
   *
   * @throws DomainError `store_failed`.
   */
  leaseFor(expireAtMs: number): Promise<bigint> {
    const nowMs = this.#clock.now();
    const endMs = roundUp(Math.max(expireAtMs, nowMs + SECOND_MS), nowMs);
    let lease = this.#leases.get(endMs);
    if (lease === undefined) {
      this.#forgetEnded(nowMs);
      lease = this.grant(endMs - nowMs);
      this.#leases.set(endMs, lease);
      lease.catch(() => this.#leases.delete(endMs));
    }
    return lease;
  }

  /**
   * A lease of its own, which is not shared.
   *
   * @throws DomainError `store_failed`.
   */
  async grant(ttlMs: number): Promise<bigint> {
    const { ID } = await this.#members.read(({ lease }) => lease.leaseGrant.bind(lease), { TTL: BigInt(Math.ceil(ttlMs / SECOND_MS)) });
    return ID;
  }

  /** Forgets all, for when etcd has lost one. */
  clear(): void {
    this.#leases.clear();
  }

  #forgetEnded(nowMs: number): void {
    for (const endMs of this.#leases.keys()) {
      if (endMs <= nowMs) this.#leases.delete(endMs);
    }
  }
}

function roundUp(endMs: number, nowMs: number): number {
  const step = Math.max(SECOND_MS, 2 ** Math.floor(Math.log2((endMs - nowMs) / COARSENESS)));
  return Math.ceil(endMs / step) * step;
}
