import type { Clock } from '../../platform/clock.js';
import { sourceOf } from '../auth/source.js';
import type { LimitSettings } from '../../platform/config/server-config.js';

/** Why a connection was turned away before TLS. */
export type RefusedFor = 'connections' | 'connectionsPerSource' | 'handshakes' | 'handshakesPerSecond';

/** Counters since the start, and what is open now. */
export interface ConnectionStats {
  readonly open: number;
  readonly handshaking: number;
  readonly accepted: number;
  readonly refused: Readonly<Record<RefusedFor, number>>;
  /** TLS handshakes that took too long, and those that went wrong. */
  readonly failedHandshakes: { readonly timeout: number; readonly failed: number };
}

const NONE_REFUSED: ConnectionStats['refused'] = { connections: 0, connectionsPerSource: 0, handshakes: 0, handshakesPerSecond: 0 };

/** What a listener without limits and without TLS has turned away. */
export const NOTHING_REFUSED: Pick<ConnectionStats, 'refused' | 'failedHandshakes'> = { refused: NONE_REFUSED, failedHandshakes: { timeout: 0, failed: 0 } };

/** The place of one admitted connection. */
export interface Admission {
  /** The handshake is over; the place among those in the middle of one is free. Idempotent. */
  secured(): void;
  /** The connection is over. Idempotent. */
  released(): void;
}

/** One source: its open connections, and what is left of its allowance at a time. */
interface Source {
  open: number;
  allowance: number;
  atMs: number;
}

/** Below this many sources none is forgotten. */
const SOURCES_KEPT = 10_000;

/**
 * Decides about each TCP connection before TLS costs anything: a handshake is a millisecond of the only core that
 * serves everybody else.
 */
export class ConnectionLimits {
  readonly #limits: LimitSettings;
  readonly #clock: Clock;
  readonly #onRefused: (reason: RefusedFor, address: string) => void;
  readonly #sources = new Map<string, Source>();
  readonly #refused: Record<RefusedFor, number> = { ...NONE_REFUSED };
  #open = 0;
  #handshaking = 0;
  #accepted = 0;
  readonly #failedHandshakes = { timeout: 0, failed: 0 };
  #forgetAt = SOURCES_KEPT;

  /** @param onRefused Told of every connection turned away. */
  constructor(limits: LimitSettings, clock: Clock, onRefused: (reason: RefusedFor, address: string) => void = () => {}) {
    this.#onRefused = onRefused;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** @returns The connection's place, or undefined: close it. */
  admit(address: string): Admission | undefined {
    const source = this.#sourceOf(address);
    const reason = this.#reasonToRefuse(source);
    if (reason !== undefined) {
      this.#refused[reason]++;
      this.#onRefused(reason, address);
      return undefined;
    }
    source.allowance--;
    source.open++;
    this.#open++;
    this.#handshaking++;
    this.#accepted++;
    return this.#admission(source);
  }

  /** Counts a handshake that came to nothing. */
  handshakeFailed(why: keyof ConnectionStats['failedHandshakes']): void {
    this.#failedHandshakes[why]++;
  }

  stats(): ConnectionStats {
    return {
      open: this.#open,
      handshaking: this.#handshaking,
      accepted: this.#accepted,
      refused: { ...this.#refused },
      failedHandshakes: { ...this.#failedHandshakes },
    };
  }

  #reasonToRefuse(source: Source): RefusedFor | undefined {
    if (this.#open >= this.#limits.connections) return 'connections';
    if (source.open >= this.#limits.connectionsPerSource) return 'connectionsPerSource';
    if (this.#handshaking >= this.#limits.handshakes) return 'handshakes';
    return source.allowance < 1 ? 'handshakesPerSecond' : undefined;
  }

  #admission(source: Source): Admission {
    let handshaking = true;
    let open = true;
    const secured = (): void => {
      if (handshaking) this.#handshaking--;
      handshaking = false;
    };
    const released = (): void => {
      secured();
      if (!open) return;
      open = false;
      source.open--;
      this.#open--;
    };
    return { secured, released };
  }

  #sourceOf(address: string): Source {
    const rate = this.#limits.handshakesPerSecond;
    const now = this.#clock.now();
    const key = sourceOf(address);
    let source = this.#sources.get(key);
    if (source === undefined) {
      if (this.#sources.size >= this.#forgetAt) this.#forgetIdle(now);
      source = { open: 0, allowance: rate, atMs: now };
      this.#sources.set(key, source);
    }
    source.allowance = Math.min(rate, source.allowance + (Math.max(0, now - source.atMs) / 1000) * rate);
    source.atMs = now;
    return source;
  }

  /** Drops sources without connection whose allowance is whole again; the next time at twice as many, so that it costs little per connection. */
  #forgetIdle(now: number): void {
    for (const [key, source] of this.#sources) {
      if (source.open === 0 && now - source.atMs >= 1000) this.#sources.delete(key);
    }
    this.#forgetAt = Math.max(SOURCES_KEPT, this.#sources.size * 2);
  }
}
