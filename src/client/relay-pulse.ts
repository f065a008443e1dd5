import type { PeerState } from '../platform/wireguard/device.js';
import { hasSession } from './path-sight.js';

/** How often a relay is asked for a keepalive, in ms: one that carries something or is about to, and one that waits. */
const ASK_MS = { used: 1000, idle: 10_000 } as const;

/** Questions that may stay without an answer. */
const PATIENCE = 2;

/** The time between new sessions with a relay that does not answer, in ms. */
const RENEW_MS = 3000;

/**
 * Whether a relay is alive and knows this node: it answers WireGuard's keepalives with keepalives. A relay that was started anew answers
 * others and has forgotten this node, so that nothing else tells as much.
 */
export class RelayPulse {
  #rxBytes: number | undefined;
  #heardMs = -Infinity;
  #askedMs = -Infinity;
  #renewedMs = -Infinity;
  #unanswered = 0;
  #session = false;

  /** Whether the relay can be used, for all that is known. */
  get isAlive(): boolean {
    return this.#session && this.#unanswered < PATIENCE && this.#heardMs > -Infinity;
  }

  /** When it was heard last, as we saw it. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** Takes in what WireGuard shows now. @returns What to do with the relay: send a keepalive, or make a new session. */
  look(seen: PeerState, nowMs: number, isUsed: boolean): 'nudge' | 'renew' | undefined {
    if (this.#rxBytes !== undefined && seen.rxBytes > this.#rxBytes) this.#heard(nowMs);
    this.#rxBytes = seen.rxBytes;
    this.#session = hasSession(seen, nowMs);
    if (nowMs - this.#askedMs < (isUsed ? ASK_MS.used : ASK_MS.idle)) return undefined;
    if (this.#askedMs > this.#heardMs && this.#askedMs > -Infinity) this.#unanswered++;
    this.#askedMs = nowMs;
    if (this.#session && this.#unanswered < PATIENCE) return 'nudge';
    if (nowMs - this.#renewedMs < RENEW_MS) return undefined;
    this.#renewedMs = nowMs;
    return 'renew';
  }

  #heard(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#unanswered = 0;
  }
}
