/** How long the first candidate is tried, in ms: a round trip across a continent, some signal delay, some repeats. */
const FIRST_CANDIDATE_MS = 600;

/** The same where one NAT is symmetric: it works at once, because the other side is open to all, or never. */
const FIRST_CANDIDATE_SYMMETRIC_MS = 300;

/** How long each further candidate is tried, in ms. */
const NEXT_CANDIDATE_MS = 250;

/** How long the responder leaves it to the initiator: a round trip across a continent, in ms. */
const LISTEN_MS = 400;

/** How often a packet is sent towards a candidate, in ms. */
const REPEAT_MS = 100;

/** What WireGuard shows of the peer at one moment. */
export interface PunchView {
  readonly endpoint: string;
  readonly rxBytes: number;
}

/** What an attempt is made of. */
export interface PunchPlan {
  /** The most likely first; with none this side only listens, because nothing that it could send would arrive. */
  readonly candidates: readonly string[];
  /** How many candidates the longer of both lists has: who gives up earlier than the other closes the hole. */
  readonly turns: number;
  /** Whether one of the NATs is symmetric. */
  readonly symmetric: boolean;
  /** Whether the other side tries first, while packets to it go on through the relay. */
  readonly listensFirst: boolean;
  /** Whether the controller has seen both sides, so that with no turns now there will be none later either. */
  readonly isFinal: boolean;
}

/** What to do next in an attempt. */
export type PunchStep =
  | { readonly step: 'wait' }
  /** Point the peer there and send. */
  | { readonly step: 'steer'; readonly endpoint: string }
  /** Send to wherever the peer points. */
  | { readonly step: 'nudge' }
  | { readonly step: 'direct'; readonly endpoint: string }
  | { readonly step: 'failed' };

/**
 * One attempt at a direct path. Both sides have opened their own NAT for the other's candidates before (RFC 5128 §3.3), without
 * moving any traffic. Then the initiator sends to the responder's candidates, and the responder, which goes on through the relay,
 * is moved by WireGuard's roaming when the first packet arrives: nothing is lost on the way. Where the initiator gets nowhere the
 * responder tries too.
 *
 * It has succeeded when something was received while WireGuard's endpoint was not the relay. A relayed packet that was still
 * under way moves the endpoint back to the relay, so the count of received bytes begins anew whenever the endpoint
 * is set; otherwise a late packet would be taken for success, and the pair would sit on a path that carries nothing.
 */
export class Punch {
  readonly #plan: PunchPlan;
  readonly #isRelay: (endpoint: string) => boolean;
  readonly #startedMs: number;
  #turn = -1;
  #sentMs = -Infinity;
  #target = '';
  #base: number | undefined;
  /** Where the peer was when the attempt began. */
  #before: string | undefined;

  constructor(plan: PunchPlan, isRelay: (endpoint: string) => boolean, nowMs: number) {
    this.#plan = plan;
    this.#isRelay = isRelay;
    this.#startedMs = nowMs;
  }

  /** Decides on what WireGuard shows now; called every few tens of milliseconds. */
  next(view: PunchView, nowMs: number): PunchStep {
    const { turns, listensFirst } = this.#plan;
    this.#before ??= view.endpoint;
    const turn = this.#turnAt(nowMs - this.#startedMs - (listensFirst ? LISTEN_MS : 0));
    if (this.#isRelay(view.endpoint)) {
      this.#base = undefined;
    } else {
      if (this.#base !== undefined && view.rxBytes > this.#base) return { step: 'direct', endpoint: view.endpoint };
      this.#base ??= view.rxBytes;
      // An endpoint that is neither the relay nor ours was learnt from a packet of the peer, and is better than any candidate.
      const isLearnt = view.endpoint !== this.#target && view.endpoint !== this.#before;
      if (turn < turns && (isLearnt || turn === this.#turn)) return this.#nudge(nowMs);
    }
    if (turn < 0) return { step: 'wait' };
    return turn < turns ? this.#steer(turn, nowMs) : { step: 'failed' };
  }

  #nudge(nowMs: number): PunchStep {
    if (nowMs - this.#sentMs < REPEAT_MS) return { step: 'wait' };
    this.#sentMs = nowMs;
    return { step: 'nudge' };
  }

  #steer(turn: number, nowMs: number): PunchStep {
    this.#turn = turn;
    this.#sentMs = nowMs;
    this.#base = undefined;
    const { candidates } = this.#plan;
    this.#target = candidates[Math.min(turn, candidates.length - 1)] ?? '';
    return this.#target === '' ? { step: 'wait' } : { step: 'steer', endpoint: this.#target };
  }

  #turnAt(elapsedMs: number): number {
    if (elapsedMs < 0) return -1;
    const firstMs = this.#plan.symmetric ? FIRST_CANDIDATE_SYMMETRIC_MS : FIRST_CANDIDATE_MS;
    return elapsedMs < firstMs ? 0 : 1 + Math.floor((elapsedMs - firstMs) / NEXT_CANDIDATE_MS);
  }
}
