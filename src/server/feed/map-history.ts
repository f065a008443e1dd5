import type { MapChange } from '../../gen/networkcontroller/v1/node.js';
import type { AppliedRevision, LocalView } from '../store/local-view.js';
import type { NetworkChanges } from './changes.js';
import { encodeDelta } from './encoded.js';

/** What one revision changed in the map of one network, encoded when somebody wants it and then kept. */
export class MapRevision {
  #whole: Uint8Array | undefined;
  #shared: Uint8Array | undefined;
  #changes: NetworkChanges;

  constructor(
    readonly rev: bigint,
    readonly network: string,
    changes: NetworkChanges,
  ) {
    this.#changes = changes;
  }

  get changes(): NetworkChanges {
    return this.#changes;
  }

  /** Whether it has a list of what is revoked. */
  get hasList(): boolean {
    return this.#changes.shared.some(isList);
  }

  /** Goes on without the list: there is a later one, which says all that this one said. */
  dropList(): void {
    this.#changes = { ...this.#changes, shared: this.#changes.shared.filter((each) => !isList(each)) };
    this.#whole = undefined;
    this.#shared = undefined;
  }

  /** The delta of those who see every node. */
  get whole(): Uint8Array {
    return (this.#whole ??= encodeDelta(this.rev, [...this.changes.shared, ...this.changes.nodes.map(({ change }) => change)]));
  }

  /** The delta of a node that sees itself only; undefined when nothing in it concerns it. */
  ownOf(nodeId: string): Uint8Array | undefined {
    const own = this.changes.nodes.filter((entry) => entry.nodeId === nodeId).map(({ change }) => change);
    if (own.length > 0) return encodeDelta(this.rev, [...this.changes.shared, ...own]);
    if (this.changes.shared.length === 0) return undefined;
    return (this.#shared ??= encodeDelta(this.rev, this.changes.shared));
  }
}

/** How far back agents can be served deltas. */
export interface HistoryBounds {
  /** Map revisions that an agent may have missed; beyond, a snapshot is shorter. */
  readonly kept: number;
  /** Events of any kind that are read back for an agent whose revision is from before this process. */
  readonly readBack: number;
}

const BOUNDS: HistoryBounds = { kept: 5_000, readBack: 100_000 };
const PAGE = 5_000;

/**
 * What changed in the maps of late, from memory. Of ten thousand agents that come back together each finds here what it missed; the store's
 * history, of which most is no business of the map, is read for the first of them alone.
 */
export class MapHistory {
  readonly #view: Pick<LocalView, 'rev' | 'revisionsFrom'>;
  readonly #changesOf: (revision: AppliedRevision) => Map<string, NetworkChanges>;
  #entries: MapRevision[] = [];
  /** All after this revision is in {@link #entries}. */
  #since: bigint;
  /**
   * By network the one entry with a list of what is revoked. Such a list has all that were revoked before it: were they all kept, they would grow
   * with the square of how many nodes have left.
   */
  readonly #lists = new Map<string, MapRevision>();
  /** Up to here it is too far back to be read. */
  #outOfReach = -1n;

  /** @param changesOf What a revision means for each network's map. */
  constructor(
    view: Pick<LocalView, 'rev' | 'revisionsFrom'>,
    changesOf: (revision: AppliedRevision) => Map<string, NetworkChanges>,
    private readonly bounds = BOUNDS,
  ) {
    this.#view = view;
    this.#changesOf = changesOf;
    this.#since = view.rev;
  }

  /** Takes in the next revision. @returns What it changed, one entry a network. */
  take(revision: AppliedRevision): readonly MapRevision[] {
    const entries = this.#entriesOf(revision);
    this.#entries.push(...entries);
    for (const entry of entries.filter(({ hasList }) => hasList)) {
      this.#lists.get(entry.network)?.dropList();
      this.#lists.set(entry.network, entry);
    }
    // A tenth at a time, since every shortening copies what stays.
    if (this.#entries.length > this.bounds.kept * 1.1) this.#forget(this.#entries.length - this.bounds.kept);
    return entries;
  }

  /** What changed after `revision` in all networks, oldest first; undefined when that is not to be had any more. */
  after(revision: bigint): readonly MapRevision[] | undefined {
    if (revision < this.#since && !this.#readBack(revision)) return undefined;
    const start = firstAfter(this.#entries, revision);
    return this.#entries.length - start > this.bounds.kept ? undefined : this.#entries.slice(start);
  }

  #entriesOf(revision: AppliedRevision): MapRevision[] {
    const all = [...this.#changesOf(revision)].map(([network, changes]) => new MapRevision(revision.rev, network, changes));
    return all.filter(({ changes }) => changes.shared.length + changes.nodes.length > 0);
  }

  #forget(count: number): void {
    this.#since = this.#entries[count - 1]!.rev;
    this.#entries = this.#entries.slice(count);
  }

  /** Extends what is known back to `revision`. @returns whether it could. */
  #readBack(revision: bigint): boolean {
    if (revision <= this.#outOfReach) return false;
    const missing = this.#read(revision);
    if (missing === undefined) {
      this.#outOfReach = revision;
      return false;
    }
    for (const entry of missing.filter(({ hasList }) => hasList).toReversed()) {
      if (this.#lists.has(entry.network)) entry.dropList();
      else this.#lists.set(entry.network, entry);
    }
    this.#entries.unshift(...missing);
    this.#since = revision;
    return true;
  }

  #read(revision: bigint): MapRevision[] | undefined {
    const found: MapRevision[] = [];
    let events = 0;
    for (let from = revision + 1n; from <= this.#since; ) {
      const page = this.#view.revisionsFrom(from, PAGE);
      const last = page?.at(-1);
      if (page === undefined || last === undefined) return undefined;
      for (const each of page) {
        if (each.rev > this.#since) return found;
        found.push(...this.#entriesOf(each));
        events += each.events.length;
      }
      if (found.length > this.bounds.kept || events > this.bounds.readBack) return undefined;
      from = last.rev + 1n;
    }
    return found;
  }
}

function isList({ change }: MapChange): boolean {
  return change?.$case === 'crl';
}

/** Index of the first entry after `revision`, by halving. */
function firstAfter(entries: readonly MapRevision[], revision: bigint): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle]!.rev <= revision) low = middle + 1;
    else high = middle;
  }
  return low;
}
