import { randomBytes } from 'node:crypto';
import { PeerSignal, type WatchResponse } from '../../gen/networkcontroller/v1/node.js';
import { SignalRecord, type PassedSignal } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { STATE } from '../services/presence.js';
import { keys } from '../store/keys.js';
import type { Repository } from '../store/local-view.js';

/** What {@link SignalBus} works with. */
export interface SignalBusDeps {
  readonly repository: Repository;
  readonly feed: { send(nodeId: string, message: NonNullable<WatchResponse['message']>): boolean };
  /** The id of this server. */
  readonly own: string;
  isLive(server: string): boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** An offer that comes later has been given up. */
const GOOD_MS = 10_000;
/** Of some hundred bytes each, in one record. */
const PER_RECORD = 256;

/**
 * Passes what agents say to agents of another server, through the store that both have. Signals come when paths are agreed on and not with
 * traffic; those of one moment for one server are one record.
 */
export class SignalBus {
  readonly #deps: SignalBusDeps;
  /** By the server that has the addressees. */
  #waiting = new Map<string, PassedSignal[]>();
  #scheduled = false;

  constructor(deps: SignalBusDeps) {
    this.#deps = deps;
    const own = keys.signal(deps.own, '');
    deps.repository.onApplied(({ events }) => {
      for (const { key, value } of events) if (value !== undefined && key.startsWith(own)) this.#deliver(SignalRecord.decode(value));
    });
  }

  /** Takes a signal for a node. @returns Whether another server has the node. */
  take(network: string, nodeId: string, signal: PeerSignal): boolean {
    const { repository, own, isLive } = this.#deps;
    const presence = repository.view.presence(network, nodeId)?.value;
    if (presence === undefined || presence.state === STATE.idle || presence.replica === own || !isLive(presence.replica)) return false;
    const waiting = this.#waiting.get(presence.replica) ?? [];
    waiting.push({ nodeId, signal: Buffer.from(PeerSignal.encode(signal).finish()) });
    this.#waiting.set(presence.replica, waiting);
    this.#schedule();
    return true;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      const waiting = this.#waiting;
      this.#waiting = new Map();
      for (const [server, signals] of waiting) for (let at = 0; at < signals.length; at += PER_RECORD) void this.#send(server, signals.slice(at, at + PER_RECORD));
    });
  }

  /** Agents offer again when nobody answers, so that what is lost here is not missed. */
  async #send(server: string, signals: PassedSignal[]): Promise<void> {
    const { repository, clock, log } = this.#deps;
    const put = { put: keys.signal(server, randomBytes(8).toString('hex')), value: SignalRecord.encode({ signals }).finish(), expireAtMs: clock.now() + GOOD_MS };
    try {
      await repository.update(() => ({ if: [], then: [put], result: undefined }));
    } catch (error) {
      log.debug('signals for nodes of another server are lost', { server, signals: signals.length, error: String(error) });
    }
  }

  #deliver({ signals }: SignalRecord): void {
    for (const { nodeId, signal } of signals) this.#deps.feed.send(nodeId, { $case: 'signal', value: PeerSignal.decode(signal) });
  }
}
