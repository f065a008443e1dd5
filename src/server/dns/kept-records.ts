import type { AddedRecord } from '../../domain/dns-records.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { Turns } from '../../platform/turns.js';
import type { DnsRecords, RecordSource } from '../services/dns-records.js';
import type { RecordsFile } from './records-file.js';

/** A store that does not take the records is asked again after so long. */
const AGAIN_MS = 5_000;

/** What {@link KeptRecords} works with. */
interface Deps {
  readonly file: RecordsFile | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Keeps the records of server.yml and of the records file in the store, from where they reach DNS and every agent's map like those that
 * admins add.
 */
export class KeptRecords {
  readonly #records: DnsRecords;
  readonly #deps: Deps;
  #cancelAgain = (): void => {};
  readonly #turns = new Turns();

  constructor(records: DnsRecords, deps: Deps) {
    this.#records = records;
    this.#deps = deps;
  }

  /** Stores what stands in both now, and what stands in the file whenever it changes. @throws DomainError what the store throws. */
  async start(configured: readonly AddedRecord[]): Promise<void> {
    const { file } = this.#deps;
    await this.#replace('server.yml', configured);
    await this.#replace('records file', file?.records ?? []);
    file?.onChange(() => this.#takeFile());
  }

  stop(): void {
    this.#cancelAgain();
    this.#deps.file?.stop();
  }

  /** One after another: the file that was read last is stored last. */
  #takeFile(): void {
    const { file, clock, log } = this.#deps;
    this.#cancelAgain();
    void this.#turns
      .take(() => this.#replace('records file', file?.records ?? []))
      .catch((error: unknown) => {
        log.warn('records file not stored, will be tried again', { error: String(error) });
        this.#cancelAgain();
        this.#cancelAgain = clock.after(AGAIN_MS, () => this.#takeFile());
      });
  }

  async #replace(source: RecordSource, records: readonly AddedRecord[]): Promise<void> {
    for (const reason of await this.#records.replace(source, records)) this.#deps.log.error('records not taken beside those that admins added', { source, reason });
  }
}
