import type { DeviceState, PeerState } from '../platform/wireguard/device.js';

/** Bytes that nobody need answer: what a session's keepalives add up to until its next handshake, 5 times 32. */
const UNANSWERED_BYTES = 160;

/** Sending without hearing for so long is a reason to ask the relay for an answer. */
const SUSPICIOUS_AFTER_MS = 1000;

/** Time for an answer, a little less than the time between two looks, and questions without one until nothing is believed to get through. */
const ANSWER_MS = 450;
const QUESTIONS = 3;

/** Time until the next question when the last was answered: the peer that is silent is so by itself. */
const REST_MS = 2000;

/** In the place of a peer's key: all of them together. */
const EVERYBODY = '';

/** The relay answers a keepalive every 25 s. Not to have heard it for longer is a reason to ask too. */
const IDLE_MS = 30_000;

/** What was sent to one peer since it was last heard. */
interface Silence {
  readonly rxBytes: number;
  readonly txBytes: number;
  sinceMs: number | undefined;
}

/**
 * Notices that nothing gets through to the relay any more although the session with it lives. WireGuard itself would not for
 * two minutes. Asks only when some peer is sent to and does not answer, so that an idle node costs nothing.
 */
export class AnswerWatch {
  readonly #silences = new Map<string, Silence>();
  #relayRxBytes = -1;
  #questions = 0;
  #askedMs = 0;
  #restsUntilMs = 0;
  #heardMs = 0;
  #doubted = false;

  /**
   * @param relayKey The peer that answers each keepalive.
   * @returns `ask`: make WireGuard send a keepalive to the relay; `blocked`: it did not answer any.
   */
  look(seen: DeviceState, relayKey: string, nowMs: number): 'ask' | 'blocked' | undefined {
    const rxBytes = seen.peers.get(relayKey)?.rxBytes ?? 0;
    if (rxBytes !== this.#relayRxBytes) this.#heard(rxBytes, nowMs);
    const suspicious = this.#isSuspicious(seen, nowMs) || this.#doubted || nowMs - this.#heardMs > IDLE_MS;
    if (this.#questions === 0 && (!suspicious || nowMs < this.#restsUntilMs)) return undefined;
    if (this.#questions > 0 && nowMs - this.#askedMs < ANSWER_MS) return undefined;
    if (this.#questions === QUESTIONS) {
      this.reset(nowMs);
      return 'blocked';
    }
    this.#questions++;
    this.#askedMs = nowMs;
    return 'ask';
  }

  /** A peer hears nothing from here: asks at the next look. */
  doubt(): void {
    this.#doubted = true;
  }

  /** Begins anew, after a rest: the packets take another way now. */
  reset(nowMs: number): void {
    this.#questions = 0;
    this.#doubted = false;
    this.#heardMs = nowMs;
    this.#restsUntilMs = nowMs + REST_MS;
    this.#silences.clear();
  }

  #heard(rxBytes: number, nowMs: number): void {
    this.#relayRxBytes = rxBytes;
    this.#heardMs = nowMs;
    // Only an answer to a question is news about both directions.
    if (this.#questions > 0) this.#doubted = false;
    if (this.#questions > 0) this.#restsUntilMs = nowMs + REST_MS;
    this.#questions = 0;
  }

  #isSuspicious(seen: DeviceState, nowMs: number): boolean {
    const peers = [...seen.peers.values()];
    const heard = peers.reduce((sum, { rxBytes }) => sum + rxBytes, 0);
    // What WireGuard could not even send is not among what it has sent to a peer.
    const all = { publicKey: EVERYBODY, rxBytes: heard, txBytes: seen.givenBytes };
    const silent = [all, ...peers].filter((each) => this.#isSilent(each, nowMs));
    for (const key of this.#silences.keys()) if (key !== EVERYBODY && !seen.peers.has(key)) this.#silences.delete(key);
    return silent.length > 0;
  }

  #isSilent({ publicKey, rxBytes, txBytes }: Pick<PeerState, 'publicKey' | 'rxBytes' | 'txBytes'>, nowMs: number): boolean {
    let silence = this.#silences.get(publicKey);
    if (silence === undefined || silence.rxBytes !== rxBytes || txBytes < silence.txBytes) {
      silence = { rxBytes, txBytes, sinceMs: undefined };
      this.#silences.set(publicKey, silence);
    }
    if (txBytes - silence.txBytes <= UNANSWERED_BYTES) return false;
    silence.sinceMs ??= nowMs;
    return nowMs - silence.sinceMs >= SUSPICIOUS_AFTER_MS;
  }
}
