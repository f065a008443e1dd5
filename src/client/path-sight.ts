import type { PeerState } from '../platform/wireguard/device.js';
import type { PathContext } from './path-action.js';
import type { PathState } from './path-types.js';

/** A session older than this is dead to WireGuard. @see "WireGuard: Next Generation Kernel Network Tunnel" §6.1, Reject-After-Time */
const SESSION_MS = 180_000;

/** Whether WireGuard has a session with a peer. */
export function hasSession(seen: Pick<PeerState, 'latestHandshakeMs'>, nowMs: number): boolean {
  return seen.latestHandshakeMs > nowMs - SESSION_MS;
}

/** What WireGuard shows of one peer, and what follows from it about the path. */
export class PathSight {
  #state: PathState;
  #heardMs = 0;
  #directSinceMs = 0;
  #directEndpoint = '';
  #isSessionRelayed = false;

  constructor(nodeId: string) {
    this.#state = { nodeId, kind: 'none', endpoint: '', lastHandshakeMs: 0, rxBytes: 0, txBytes: 0 };
  }

  get state(): PathState {
    return this.#state;
  }

  /** When WireGuard received a byte from the peer last, as we saw it. */
  get heardMs(): number {
    return this.#heardMs;
  }

  get directSinceMs(): number {
    return this.#directSinceMs;
  }

  /** Where the peer was while we had a session with it, empty if through the relay. */
  get directEndpoint(): string {
    return this.#directEndpoint;
  }

  /** Whether the handshake of the session went through the relay, which knows no other. WireGuard makes a new one every two minutes. */
  get isSessionRelayed(): boolean {
    return this.#isSessionRelayed;
  }

  hasSession(nowMs: number): boolean {
    return hasSession({ latestHandshakeMs: this.#state.lastHandshakeMs }, nowMs);
  }

  /** @param isTrying Endpoints are being tried out, so that the one WireGuard shows says nothing about where packets get through. */
  look(seen: PeerState, { nowMs, isRelay }: PathContext, isTrying: boolean): void {
    const endpoint = seen.endpoint ?? '';
    if (seen.rxBytes !== this.#state.rxBytes) this.#heardMs = nowMs;
    if (seen.latestHandshakeMs !== this.#state.lastHandshakeMs) this.#isSessionRelayed = isRelay(endpoint);
    const inferred = !hasSession(seen, nowMs) || endpoint === '' ? 'none' : isRelay(endpoint) ? 'relay' : 'direct';
    const kind = isTrying ? this.#state.kind : inferred;
    if (kind === 'direct' && this.#state.kind !== 'direct') this.#directSinceMs = nowMs;
    if (!isTrying && kind !== 'none') this.#directEndpoint = kind === 'direct' ? endpoint : '';
    this.#state = {
      nodeId: this.#state.nodeId,
      kind,
      endpoint: isTrying ? this.#state.endpoint : endpoint,
      lastHandshakeMs: seen.latestHandshakeMs,
      rxBytes: seen.rxBytes,
      txBytes: seen.txBytes,
    };
  }

  /** Packets go through the relay. */
  foundRelay(endpoint: string): void {
    this.#state = { ...this.#state, kind: 'relay', endpoint };
  }

  /** Packets get through directly. */
  foundDirect(endpoint: string, nowMs: number): void {
    this.#directSinceMs = nowMs;
    this.#state = { ...this.#state, kind: 'direct', endpoint };
  }

  /** The session is about to be made anew. */
  dropSession(): void {
    this.#state = { ...this.#state, kind: 'none' };
  }
}
