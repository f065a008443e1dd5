import { PresenceRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { Turns } from '../../platform/turns.js';
import { STATE } from '../services/presence.js';
import { kindOf } from '../store/keys.js';
import type { Repository, Versioned } from '../store/local-view.js';
import { pathOf } from '../store/records.js';

/** Nodes that are written off in one transaction: a compare and a write each, and the fence. */
const PACK = 100;

/** What {@link AbsentNodes} works with. */
export interface AbsentDeps {
  /** For writes of whoever does this alone. */
  readonly repository: Repository;
  /** Whether the server with this id runs. */
  isLive(replica: string): boolean;
  /** How long the nodes of a server that is gone have for being seen by another one. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Writes off the nodes of servers that are gone: a server that dies cannot say that its nodes have left. Whoever was seen by another
 * server meanwhile stays connected.
 */
export class AbsentNodes {
  readonly #deps: AbsentDeps;
  readonly #unsubscribe: () => void;
  #cancel: () => void = () => {};
  readonly #turns = new Turns();

  constructor(deps: AbsentDeps) {
    this.#deps = deps;
    this.#unsubscribe = deps.repository.onApplied(({ events }) => {
      if (events.some(({ type, key }) => type === 'delete' && kindOf(key) === 'replica')) this.#lookLater();
    });
    this.#lookLater();
  }

  /** Looks once; a look under way is waited for first. */
  look(): Promise<void> {
    return this.#turns.take(() => this.#once());
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#cancel();
    await this.#turns.done();
  }

  #lookLater(): void {
    const { clock, graceMs } = this.#deps;
    this.#cancel();
    this.#cancel = clock.after(graceMs, () => void this.look());
  }

  async #once(): Promise<void> {
    const { repository, isLive, log } = this.#deps;
    try {
      const orphans: Versioned<PresenceRecord>[] = [];
      for (const presence of repository.view.presences()) if (presence.value.state !== STATE.idle && !isLive(presence.value.replica)) orphans.push(presence);
      for (let at = 0; at < orphans.length; at += PACK) await this.#writeOff(orphans.slice(at, at + PACK));
      if (orphans.length > 0) log.info('nodes of a server that is gone are not connected any more', { nodes: orphans.length });
    } catch (error) {
      log.warn('nodes of a server that is gone are not written off yet, will be tried again', { error: String(error) });
      this.#lookLater();
    }
  }

  async #writeOff(orphans: readonly Versioned<PresenceRecord>[]): Promise<void> {
    const { repository, clock } = this.#deps;
    await repository.update((view) => {
      const idle = orphans.flatMap(({ key, modRev, value }) => {
        const now = view.presence(pathOf(key, 'presence')[0] ?? '', value.nodeId);
        return now?.modRev === modRev ? [{ key, modRev, value: PresenceRecord.encode({ ...value, state: STATE.idle, replica: '', sinceMs: clock.now() }).finish() }] : [];
      });
      return { if: idle.map(({ key, modRev }) => ({ key, modRev })), then: idle.map(({ key, value }) => ({ put: key, value })), result: undefined };
    });
  }
}
