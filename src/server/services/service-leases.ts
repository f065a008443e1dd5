import { ServiceRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { kindOf, ROOT } from '../store/keys.js';
import type { LocalView, Repository, Versioned } from '../store/local-view.js';
import type { StoreEvent } from '../store/store.js';
import { returnWithinMs } from './pacing.js';
import { withheldBecause } from './service-record.js';

/** One instance as its lease is counted. */
interface Held {
  readonly network: string;
  readonly id: string;
  nodeId: string;
  leaseTicks: number;
  withNode: boolean;
  /** The tick at which the lease has ended. */
  endsAtTick: number;
  /** What was said last. */
  health: string;
  healthReason: string;
  /** What the store says. */
  stored: { readonly lapsed: boolean; readonly health: string; readonly countedBy: string };
  /** It was renewed here although another server counts its lease. */
  isClaimed: boolean;
}

/** The other servers of the cluster, as far as leases go. */
export interface OtherServers {
  /** The id of this server. */
  readonly own: string;
  /** Whether the node is connected to another server, which then takes its renewals. */
  isElsewhere(network: string, nodeId: string): boolean;
  isLive(server: string): boolean;
  /** Through which this server writes what nobody else would; undefined while that is another one's to do. */
  asLeader(): Repository | undefined;
}

/** What its owner says of an instance when it renews it. */
export interface Sighting {
  readonly health: string;
  readonly healthReason: string;
}

/** A lease ends at most so much later than it should. */
const TICK_MS = 250;
/** Instances that go out or come back in one transaction; the store takes 120 operations. */
const BATCH = 100;

/**
 * Counts the leases of services in memory, so that a renewal costs no write, and writes what changes by them: an instance that was
 * not renewed, whose node has left or whose health check fails is withheld by a revision, as it comes back by one. What goes out
 * or comes back in the same moment is one transaction.
 *
 * Time is counted in ticks of a timer. So a clock that is set ends no lease and keeps none alive, and while this process stands
 * still, and could take no renewal, no lease runs.
 */
export class ServiceLeases {
  readonly #repository: Repository;
  readonly #isHere: (nodeId: string) => boolean;
  readonly #others: OtherServers | undefined;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #held = new Map<string, Held>();
  readonly #endings: readonly (() => void)[];
  #tick = 0;
  #sweeping = false;

  /** @param deps `isHere` tells whether a node is connected; `others` is left out where there are none. */
  constructor(deps: { repository: Repository; isHere: (nodeId: string) => boolean; others?: OtherServers | undefined; clock: Clock; log: Log }) {
    this.#repository = deps.repository;
    this.#isHere = deps.isHere;
    this.#others = deps.others;
    this.#clock = deps.clock;
    this.#log = deps.log;
    const { view } = deps.repository;
    // After a start nobody can have renewed: every lease that was held begins anew once its node may be back.
    const graceTicks = Math.ceil(returnWithinMs(view.nodeCounts().total) / TICK_MS);
    for (const { value } of view.networks()) for (const service of view.servicesOf(value.name)) this.#hold(service.value, graceTicks);
    this.#endings = [deps.repository.onApplied(({ events }) => events.forEach((event) => this.#follow(event))), deps.clock.every(TICK_MS, () => void this.#sweep())];
  }

  /** The node of an instance, '' for one without; undefined for an instance that is not there. */
  ownerOf(network: string, id: string): string | undefined {
    return this.#held.get(refOf(network, id))?.nodeId;
  }

  /** Milliseconds for which a lease lasts unless it is renewed; 0 for an instance without one, and for one whose lease has ended. */
  leftMs(network: string, id: string): number {
    const held = this.#held.get(refOf(network, id));
    if (held === undefined || held.leaseTicks === 0 || this.#hasEnded(held)) return 0;
    return (held.endsAtTick - this.#tick) * TICK_MS;
  }

  /** Lets a lease begin anew. What goes out or comes back by it is written by {@link settle}, or within a tick. */
  renew(network: string, id: string, sighting: Sighting): void {
    const held = this.#held.get(refOf(network, id));
    if (held === undefined) return;
    // The tick that comes next may come at once.
    held.endsAtTick = this.#tick + held.leaseTicks + 1;
    held.health = sighting.health;
    held.healthReason = sighting.healthReason;
    held.isClaimed = held.nodeId === '' && this.#others !== undefined && held.stored.countedBy !== this.#others.own;
  }

  /** Writes what has changed of these instances. */
  async settle(network: string, ids: readonly string[]): Promise<void> {
    const held = ids.flatMap((id) => this.#held.get(refOf(network, id)) ?? []);
    await this.#write(held.filter((each) => this.#isDue(each)));
  }

  stop(): void {
    this.#endings.forEach((end) => end());
  }

  #follow({ key, value }: StoreEvent): void {
    if (kindOf(key) !== 'service') return;
    if (value !== undefined) return this.#hold(ServiceRecord.decode(value), 0);
    const path = key.slice(ROOT.length).split('/');
    this.#held.delete(refOf(path[1] ?? '', path.at(-1) ?? ''));
  }

  #hold(record: ServiceRecord, graceTicks: number): void {
    const ref = refOf(record.network, record.id);
    const leaseTicks = (record.leaseSeconds * 1000) / TICK_MS;
    const stored = { lapsed: record.lapsedAtMs > 0, health: record.health, countedBy: record.countedBy };
    const { nodeId, withNode } = record;
    const known = this.#held.get(ref);
    if (known !== undefined && known.leaseTicks === leaseTicks) {
      Object.assign(known, { nodeId, withNode, stored });
      if (this.#writerOf(known) === undefined) this.#adopt(known);
      return;
    }
    const { network, id, health, healthReason } = record;
    const endsAtTick = stored.lapsed ? this.#tick : this.#tick + graceTicks + leaseTicks + 1;
    this.#held.set(ref, { network, id, nodeId, withNode, leaseTicks, endsAtTick, health, healthReason, stored, isClaimed: false });
  }

  async #sweep(): Promise<void> {
    this.#tick++;
    // A store that is slow or away is not asked again before it has answered.
    if (this.#sweeping) return;
    this.#sweeping = true;
    try {
      await this.#write([...this.#held.values()].filter((held) => this.#isDue(held)));
    } catch (error) {
      this.#log.warn('services not withheld, will be tried again', { error: String(error) });
    } finally {
      this.#sweeping = false;
    }
  }

  #isDue(held: Held): boolean {
    if (!this.#differs(held)) return false;
    if (this.#writerOf(held) !== undefined) return true;
    this.#adopt(held);
    return false;
  }

  /**
   * Through which the instance's changes are written; undefined when another server counts its lease. The server that has the node
   * counts, or that took the renewals of an instance without one; the leader where neither is there.
   */
  #writerOf({ network, nodeId, stored, isClaimed }: Held): Repository | undefined {
    const others = this.#others;
    if (others === undefined || isClaimed || this.#isHere(nodeId)) return this.#repository;
    if (nodeId === '' && stored.countedBy === others.own) return this.#repository;
    const isCounted = nodeId === '' ? others.isLive(stored.countedBy) : others.isElsewhere(network, nodeId);
    return isCounted ? undefined : others.asLeader();
  }

  /** Lets a lease that another server counts run here as the store has it. */
  #adopt(held: Held): void {
    const { lapsed, health } = held.stored;
    held.endsAtTick = lapsed ? this.#tick : this.#tick + held.leaseTicks + 1;
    held.health = health;
  }

  #differs(held: Held): boolean {
    return held.isClaimed || this.#hasEnded(held) !== held.stored.lapsed || held.health !== held.stored.health;
  }

  #hasEnded(held: Held): boolean {
    if (held.withNode && this.#isHere(held.nodeId)) held.endsAtTick = this.#tick;
    else if (held.withNode || held.leaseTicks > 0) return this.#tick >= held.endsAtTick;
    return false;
  }

  async #write(due: readonly Held[]): Promise<void> {
    const own = due.filter((held) => this.#writerOf(held) === this.#repository);
    for (let at = 0; at < own.length; at += BATCH) await this.#writeBatch(this.#repository, own.slice(at, at + BATCH));
    const leader = this.#others?.asLeader();
    const orphans = leader === undefined ? [] : due.filter((held) => this.#writerOf(held) === leader);
    for (let at = 0; at < orphans.length; at += BATCH) await this.#writeBatch(leader as Repository, orphans.slice(at, at + BATCH));
  }

  async #writeBatch(writer: Repository, due: readonly Held[]): Promise<void> {
    const { result } = await writer.update((view) => {
      const changes = due.flatMap((held) => this.#changeOf(view, held));
      return {
        if: changes.map(({ before }) => ({ key: before.key, modRev: before.modRev })),
        then: changes.map(({ before, after }) => ({ put: before.key, value: ServiceRecord.encode(after).finish() })),
        result: changes,
      };
    });
    for (const held of due) held.isClaimed = false;
    for (const { before, after } of result) {
      if (before.value.withheld === after.withheld) continue;
      const { network, name, id, withheld } = after;
      if (withheld === '') this.#log.info('service answered again', { network, name, id, reason: before.value.withheld });
      else this.#log.info('service withheld', { network, name, id, reason: withheld });
    }
  }

  #changeOf(view: LocalView, held: Held): { before: Versioned<ServiceRecord>; after: ServiceRecord }[] {
    const before = view.service(held.network, held.id);
    if (before === undefined) return [];
    const lapsed = this.#hasEnded(held);
    const record = before.value;
    const countedBy = held.isClaimed && this.#others !== undefined ? this.#others.own : record.countedBy;
    if (lapsed === record.lapsedAtMs > 0 && held.health === record.health && countedBy === record.countedBy) return [];
    const now = this.#clock.now();
    const { health, healthReason } = held;
    const next = { ...record, countedBy, health, healthReason, lapsedAtMs: lapsed ? record.lapsedAtMs || now : 0 };
    const withheld = withheldBecause(next);
    return [{ before, after: { ...next, withheld, sinceMs: withheld === record.withheld ? record.sinceMs : now } }];
  }
}

/** The store's key of an instance without the parts that follow from the others. */
function refOf(network: string, id: string): string {
  return `${network}/${id}`;
}
