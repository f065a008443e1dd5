import type { PeerState } from '../platform/wireguard/device.js';

/** Pauses between looks whether UDP gets through again, in ms: the later ones when it seems to but WireGuard's packets do not. */
const PROBE_PAUSES_MS = [5000, 30_000, 60_000, 300_000];

/** How long the way back over UDP may take to carry a packet, in ms, and the time between tries. */
const RETURN_MS = 1500;
const RETURN_AGAIN_MS = 200;

/** What to do: send over UDP, be back there, or go on over TCP. */
type ReturnStep = 'try' | 'returned' | 'failed' | undefined;

type State =
  | { readonly at: 'away' | 'answered' }
  | { readonly at: 'waiting'; readonly probeMs: number }
  | { readonly at: 'trying'; readonly sinceMs: number; readonly againMs: number; readonly rxBytes: number | undefined };

/**
 * The way back from TCP to UDP: asks from time to time whether UDP gets through, then tries it with a keepalive, and is back when that is
 * answered.
 */
export class UdpReturn {
  readonly #answersUdp: () => Promise<boolean>;
  readonly #onAnswer: () => void;
  #state: State = { at: 'away' };
  #failures = 0;

  /**
   * @param answersUdp Whether UDP to the relay gets through and back.
   * @param onAnswer   It does: time for a look.
   */
  constructor(answersUdp: () => Promise<boolean>, onAnswer: () => void) {
    this.#answersUdp = answersUdp;
    this.#onAnswer = onAnswer;
  }

  /** Whether milliseconds count now. */
  get isUrgent(): boolean {
    return this.#state.at === 'trying';
  }

  /** Packets go over TCP from now on. */
  begin(nowMs: number): void {
    this.#state = { at: 'waiting', probeMs: nowMs + PROBE_PAUSES_MS[0]! };
  }

  /** Packets do not go over TCP any more. */
  end(): void {
    this.#state = { at: 'away' };
  }

  /**
   * @param relay    What WireGuard shows of the relay.
   * @param loopback Where WireGuard sends for TCP.
   */
  look(relay: PeerState, loopback: string | undefined, nowMs: number): ReturnStep {
    const state = this.#state;
    switch (state.at) {
      case 'away':
        return undefined;
      case 'answered':
        this.#state = { at: 'trying', sinceMs: nowMs, againMs: nowMs + RETURN_AGAIN_MS, rxBytes: undefined };
        return 'try';
      case 'waiting':
        if (nowMs < state.probeMs) return undefined;
        this.#state = { at: 'waiting', probeMs: nowMs + PROBE_PAUSES_MS[0]! };
        void this.#probe();
        return undefined;
      case 'trying':
        return this.#try(state, relay, loopback, nowMs);
    }
  }

  #try(state: State & { at: 'trying' }, relay: PeerState, loopback: string | undefined, nowMs: number): ReturnStep {
    // A packet that was still on its way over TCP has pulled WireGuard back there: what came until now proves nothing.
    const rxBytes = relay.endpoint === loopback ? undefined : (state.rxBytes ?? relay.rxBytes);
    if (rxBytes !== undefined && relay.rxBytes > rxBytes) {
      this.#failures = 0;
      this.end();
      return 'returned';
    }
    if (nowMs - state.sinceMs > RETURN_MS) {
      const pauseMs = PROBE_PAUSES_MS[Math.min(++this.#failures, PROBE_PAUSES_MS.length - 1)]!;
      this.#state = { at: 'waiting', probeMs: nowMs + pauseMs };
      return 'failed';
    }
    const again = nowMs >= state.againMs;
    this.#state = { ...state, rxBytes, againMs: again ? nowMs + RETURN_AGAIN_MS : state.againMs };
    return again ? 'try' : undefined;
  }

  async #probe(): Promise<void> {
    const answered = await this.#answersUdp().catch(() => false);
    if (!answered || this.#state.at !== 'waiting') return;
    this.#state = { at: 'answered' };
    this.#onAnswer();
  }
}
