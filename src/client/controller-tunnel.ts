import type { PeerState } from '../platform/wireguard/device.js';

/** How long WireGuard's own handshake with the controller may take before it is begun anew, in ms. */
const PATIENCE_MS = 500;

/** Pauses between handshakes with a controller that does not answer them. */
const PAUSES_MS = [1000, 2000, 5000];

/**
 * Decides when the session with the controller is made anew. Without one there is neither relay nor reflexive endpoint,
 * and WireGuard itself tries again only after five seconds.
 */
export class ControllerTunnel {
  #isUp = false;
  #tries = 0;
  #dueMs = 0;

  /** Handshakes begun since the last one that was answered, or since one was expected to be. */
  get tries(): number {
    return this.#tries;
  }

  /** The control stream is up, so that the controller ought to answer handshakes. */
  expectAnswer(nowMs: number): void {
    this.#tries = 0;
    this.#dueMs = nowMs + PATIENCE_MS;
  }

  /** A handshake is begun anew now. */
  begin(nowMs: number): void {
    this.#isUp = false;
    this.#dueMs = nowMs + PAUSES_MS[Math.min(this.#tries++, PAUSES_MS.length - 1)]!;
  }

  /** @returns Whether the tunnel has just come up, or a handshake is due. */
  look(seen: PeerState, nowMs: number, connected: boolean): 'came up' | 'due' | undefined {
    const wasUp = this.#isUp;
    this.#isUp = seen.latestHandshakeMs > 0;
    if (!this.#isUp) return connected && nowMs >= this.#dueMs ? 'due' : undefined;
    this.#tries = 0;
    return wasUp ? undefined : 'came up';
  }
}
