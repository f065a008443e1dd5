import type { ReplicaRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Replica } from '../../gen/networkcontroller/v1/admin.js';
import { pathOf } from '../store/records.js';
import type { LocalView } from '../store/local-view.js';

/** The servers of the cluster, as this one knows them: itself from what it is now, the others from their records. */
export class ReplicaBoard {
  readonly #view: LocalView;
  readonly #own: () => ReplicaRecord;
  readonly #ownLeads: () => readonly string[];
  #id: string | undefined;

  /** @param deps `ownLeads` gives the roles that this server leads without a record of it. */
  constructor(deps: { view: LocalView; own: () => ReplicaRecord; ownLeads?: () => readonly string[] }) {
    this.#view = deps.view;
    this.#own = deps.own;
    this.#ownLeads = deps.ownLeads ?? (() => []);
  }

  /** This server, as it is now. */
  own(): ReplicaRecord {
    return this.#own();
  }

  /** By name. */
  list(): Replica[] {
    const own = this.#own();
    const leads = this.#leads();
    const show = (record: ReplicaRecord, lag: bigint, isSelf: boolean): Replica => {
      const { probe: _probe, ...shown } = record;
      const alone = isSelf ? this.#ownLeads() : [];
      return { ...shown, lagRevisions: lag, leads: [...(leads.get(record.id) ?? []), ...alone], isSelf };
    };
    const others = this.others().map(({ value, modRev }) => show(value, behind(value, modRev), false));
    return [show(own, 0n, true), ...others].toSorted((a, b) => compare(a.name, b.name) || a.startedAtMs - b.startedAtMs);
  }

  /** The records of all servers but this one. */
  others(): ReturnType<LocalView['replicas']> {
    const replicas = this.#view.replicas();
    if (replicas.length === 0) return replicas;
    const id = (this.#id ??= this.#own().id);
    return replicas.filter(({ value }) => value.id !== id);
  }

  /** The endpoints of the other servers that take nodes. */
  refuges(): readonly ReplicaRecord[] {
    return this.others().map(({ value }) => value).filter(takesNodes);
  }

  /** Whether a server runs, for all that is known. */
  isLive(id: string): boolean {
    return id === this.#own().id || this.others().some(({ value }) => value.id === id);
  }

  /** Role names by leader. */
  #leads(): ReadonlyMap<string, readonly string[]> {
    const leads = new Map<string, string[]>();
    for (const { key, value } of this.#view.leads()) leads.set(value, [...(leads.get(value) ?? []), ...pathOf(key, 'lead')]);
    return leads;
  }
}

/** Whether nodes may go to a server: it is neither on its way up nor on its way down. */
export function takesNodes({ state }: Pick<ReplicaRecord, 'state'>): boolean {
  return state === 'running' || state === 'degraded';
}

/** The revisions that a server had not applied when it wrote its record, which is one itself. */
function behind({ appliedRevision }: ReplicaRecord, modRev: bigint): bigint {
  const lag = modRev - 1n - appliedRevision;
  return lag > 0n ? lag : 0n;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
