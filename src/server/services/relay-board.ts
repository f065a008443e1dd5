import type { RelayInfo } from '../../gen/networkcontroller/v1/admin.js';
import type { RelayRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import { isEnrolled } from './relays.js';

interface Entry {
  streams: number;
  lastSeenMs: number;
  version: string;
}

/** Which relays hold their stream to this controller. In memory only: a relay is back within seconds of a restart. */
export class RelayBoard {
  readonly #entries = new Map<string, Entry>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A relay opened a stream. @returns Notes its end; idempotent. */
  opened(name: string, version: string): () => void {
    const entry = this.#entries.get(name) ?? { streams: 0, lastSeenMs: 0, version };
    this.#entries.set(name, entry);
    entry.streams++;
    entry.version = version;
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      entry.streams--;
      entry.lastSeenMs = this.#clock.now();
    };
  }

  /** A relay as admins see it. */
  describe(record: RelayRecord): RelayInfo {
    const entry = this.#entries.get(record.name);
    const { name, endpoints, createdAtMs, certificateExpiresAtMs, wgPublicKey } = record;
    const isConnected = (entry?.streams ?? 0) > 0;
    return {
      name,
      endpoints,
      state: this.#state(record, isConnected),
      lastSeenMs: isConnected ? this.#clock.now() : (entry?.lastSeenMs ?? 0),
      createdAtMs,
      certificateExpiresAtMs,
      wgPublicKey,
      version: entry?.version ?? '',
    };
  }

  #state(record: RelayRecord, isConnected: boolean): string {
    if (isEnrolled(record)) return isConnected ? 'connected' : 'away';
    return record.invitedUntilMs > this.#clock.now() ? 'invited' : 'expired';
  }
}
