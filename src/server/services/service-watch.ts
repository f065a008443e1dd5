import { DomainError } from '../../domain/errors.js';
import { ServiceRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { ServiceEvent } from '../../gen/networkcontroller/v1/types.js';
import { kindOf, ROOT } from '../store/keys.js';
import type { LocalView, Repository, ServiceRowFilter } from '../store/local-view.js';
import type { StoreEvent } from '../store/store.js';
import { serviceOf } from '../feed/encoded.js';

/** Where the events go; `write` says false when the reader is behind. */
export interface ServiceEventSink {
  write(event: ServiceEvent): boolean;
  onDrain(listener: () => void): void;
  onClose(listener: () => void): void;
  fail(error: DomainError): void;
}

const BATCH = 500;

/**
 * Tells one reader of every instance there is, then `synced`, then of each change in order, until the reader goes.
 *
 * The event log is the queue: a slow reader is behind in the log and costs no memory. An instance that ceases to fit the filter is
 * told as removed.
 *
 * @param filter Empty for the services of all networks.
 */
export function watchServices(repository: Repository, filter: ServiceRowFilter, sink: ServiceEventSink): void {
  const events = new ServiceEvents(repository.view, filter);
  let blocked = false;
  const pump = (): void => {
    try {
      for (let next = blocked ? undefined : events.next(); next !== undefined; next = blocked ? undefined : events.next()) blocked = !sink.write(next);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      sink.fail(error);
    }
  };
  const unsubscribe = repository.onApplied(() => setImmediate(pump));
  sink.onClose(() => {
    blocked = true;
    unsubscribe();
  });
  sink.onDrain(() => {
    blocked = false;
    pump();
  });
  pump();
}

/** The events of one watch, made as they are asked for. */
class ServiceEvents {
  readonly #view: LocalView;
  readonly #filter: ServiceRowFilter;
  /** What the reader holds. */
  readonly #told = new Set<string>();
  readonly #first: Iterator<ServiceEvent>;
  #waiting: ServiceEvent[] = [];
  #rev: bigint;

  constructor(view: LocalView, filter: ServiceRowFilter) {
    this.#view = view;
    this.#filter = filter;
    // What changes while the list is read is read again from the log.
    this.#rev = view.rev;
    this.#first = this.#everything(view.rev);
  }

  /** @throws DomainError `revision_compacted` for a reader so slow that the log has gone on without it. */
  next(): ServiceEvent | undefined {
    const first = this.#first.next();
    if (first.done !== true) return first.value;
    while (this.#waiting.length === 0) {
      const revisions = this.#view.revisionsFrom(this.#rev + 1n, BATCH);
      if (revisions === undefined) throw new DomainError('revision_compacted', `services: revision ${this.#rev} is not kept any more; watch again`);
      const last = revisions.at(-1);
      if (last === undefined) return undefined;
      this.#rev = last.rev;
      this.#waiting = revisions.flatMap(({ rev, events }) => events.flatMap((event) => this.#eventOf(event, rev)));
    }
    return this.#waiting.shift();
  }

  *#everything(revision: bigint): Generator<ServiceEvent> {
    let token = '';
    do {
      const page = this.#view.pageServices(this.#filter, token, BATCH);
      for (const { value } of page.items) yield this.#put(value, revision);
      token = page.next;
    } while (token !== '');
    yield { event: { $case: 'synced', value: {} }, revision };
  }

  #eventOf({ key, value }: StoreEvent, revision: bigint): ServiceEvent[] {
    if (kindOf(key) !== 'service') return [];
    const record = value === undefined ? undefined : ServiceRecord.decode(value);
    if (record !== undefined && this.#fits(record)) return [this.#put(record, revision)];
    const [, network = '', ...path] = key.slice(ROOT.length).split('/');
    const id = path.at(-1) ?? '';
    return this.#told.delete(`${network}/${id}`) ? [{ event: { $case: 'removed', value: { network, id } }, revision }] : [];
  }

  #put(record: ServiceRecord, revision: bigint): ServiceEvent {
    this.#told.add(`${record.network}/${record.id}`);
    return { event: { $case: 'put', value: serviceOf(record) }, revision };
  }

  #fits(record: ServiceRecord): boolean {
    const { network, name, type, channel } = this.#filter;
    return [[network, record.network], [name, record.name], [type, record.type], [channel, record.channel]].every(([wanted, got]) => wanted === undefined || wanted === got);
  }
}
