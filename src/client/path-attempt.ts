import type { PeerState } from '../platform/wireguard/device.js';
import type { PathContext } from './path-action.js';
import { hasSession } from './path-sight.js';
import { Punch, type PunchPlan, type PunchStep } from './punch.js';

/** How long a pair may take to get a session through the relay before its attempt is called off. */
const SETTLE_MS = 2000;

/** What to do next. */
export type AttemptStep =
  | PunchStep
  /** No session came about in time. */
  | { readonly step: 'unsettled' }
  /** There is a session, and nothing to punch for: for good, unless something changes. */
  | { readonly step: 'spared'; readonly forGood: boolean }
  /** There is a session, and one side does not know its NAT yet. */
  | { readonly step: 'undecided' };

/** What both sides do after an offer was answered: wait for a session through the relay, then punch. */
export class PathAttempt {
  readonly #plan: PunchPlan | undefined;
  readonly #untilMs: number;
  #punch: Punch | undefined;
  #isSettled = false;

  /** @param plan Undefined for no more than a session. */
  constructor(plan: PunchPlan | undefined, nowMs: number) {
    this.#plan = plan;
    this.#untilMs = nowMs + SETTLE_MS;
  }

  /** Whether no more than a session is wanted, because one side does not know its NAT yet. */
  get isForSession(): boolean {
    return this.#plan === undefined;
  }

  /** Whether there is a session. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  next(seen: PeerState, { nowMs, isRelay }: PathContext): AttemptStep {
    this.#isSettled ||= hasSession(seen, nowMs);
    if (!this.#isSettled) return { step: nowMs > this.#untilMs ? 'unsettled' : 'wait' };
    if (this.#plan === undefined) return { step: 'undecided' };
    if (this.#plan.turns === 0) return { step: 'spared', forGood: this.#plan.isFinal };
    this.#punch ??= new Punch(this.#plan, isRelay, nowMs);
    return this.#punch.next({ endpoint: seen.endpoint ?? '', rxBytes: seen.rxBytes }, nowMs);
  }
}
