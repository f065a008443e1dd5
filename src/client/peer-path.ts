import { PeerSignal_Kind, type PeerSignal } from '../gen/networkcontroller/v1/node.js';
import type { Endpoint } from '../gen/networkcontroller/v1/types.js';
import type { PeerState } from '../platform/wireguard/device.js';
import { orderCandidates } from './candidates.js';
import { isSeenPortUseful, type NatKind } from './nat-kind.js';
import type { PathState } from './path-types.js';
import { Punch, type PunchPlan } from './punch.js';
import { SilenceWatch } from './silence-watch.js';

/** A session older than this is dead to WireGuard. @see "WireGuard: Next Generation Kernel Network Tunnel" §6.1, Reject-After-Time */
const SESSION_MS = 180_000;

/** How long an offer waits for its answer. */
const ANSWER_MS = 3000;

/** How long a pair may take to get a session through the relay before its attempt is called off. */
const SETTLE_MS = 2000;

/** How long a peer may take to answer at the direct endpoint that worked before our interface was lost. */
const RESUME_MS = 700;

/** Silence of a direct path that is reason enough when UDP does not get through elsewhere either. */
const DISTRUST_AFTER_MS = 1500;

/** Pauses after a failed attempt: a busy machine may fail some, then it is the NATs, which do not change by themselves. */
const PUNCH_PAUSES_MS = [2000, 10_000, 60_000, 300_000, 3_600_000];

/** Pauses after an attempt that did not come to punching. */
const SETTLE_PAUSES_MS = [1000, 2000, 5000, 15_000, 60_000];

/** A direct path that has lived so long owes nothing to its former failures. */
const SETTLED_MS = 60_000;

/** What a path wants done. */
export type PathAction =
  | { readonly act: 'steer'; readonly endpoint: string; readonly fresh: boolean }
  | { readonly act: 'nudge' }
  /** Let in what comes from there; before any signal. */
  | { readonly act: 'open'; readonly endpoints: readonly string[] }
  | { readonly act: 'signal'; readonly kind: PeerSignal_Kind; readonly attempt: number };

/** What a path knows of the world outside itself. */
export interface PathContext {
  readonly nowMs: number;
  /** Whether signals can be sent. */
  readonly connected: boolean;
  /** Endpoint of the relay to use, or empty. */
  readonly relay: string;
  isRelay(endpoint: string): boolean;
  /** Our own candidates. */
  candidates(): readonly Endpoint[];
  /** The one in front of us. */
  readonly nat: NatKind;
}

type Phase =
  | { readonly at: 'rest' }
  | { readonly at: 'offered'; readonly attempt: number; readonly untilMs: number }
  | { readonly at: 'settling'; readonly plan: PunchPlan; readonly untilMs: number }
  | { readonly at: 'punching'; readonly punch: Punch }
  | { readonly at: 'resuming'; readonly untilMs: number };

const REST: Phase = { at: 'rest' };

/**
 * The path to one peer, without any I/O: it is shown what WireGuard sees and what the peer says, and tells what to do.
 *
 * The initiator offers, the responder answers, both wait until a session exists through the relay, and then both punch.
 */
export class PeerPath {
  readonly nodeId: string;
  readonly publicKey: string;
  readonly #initiates: boolean;
  #phase: Phase = REST;
  #state: PathState;
  #attempt = 0;
  #punchFailures = 0;
  #settleFailures = 0;
  #nextOfferMs = 0;
  /** When WireGuard received a byte from the peer last, as we saw it. */
  #heardMs = 0;
  /** The peer was not reached by our last offer; it will greet when it is back. */
  #offline = false;
  /** The session we have is of no use: one side or the relay has lost it. */
  #stale = false;
  /** The peer has greeted, so it may have lost its side of the session; its answer will tell. */
  #doubted = false;
  #directSinceMs = 0;
  /** Where the peer was while we had a session with it, empty if through the relay. */
  #directEndpoint = '';
  readonly #silence = new SilenceWatch();

  constructor(peer: { nodeId: string; publicKey: string; initiates: boolean }) {
    this.nodeId = peer.nodeId;
    this.publicKey = peer.publicKey;
    this.#initiates = peer.initiates;
    this.#state = { nodeId: peer.nodeId, kind: 'none', endpoint: '', lastHandshakeMs: 0, rxBytes: 0, txBytes: 0 };
  }

  get state(): PathState {
    return this.#state;
  }

  /** Whether an attempt is under way. */
  get isBusy(): boolean {
    return this.#phase.at !== 'rest';
  }

  /** Whether milliseconds count now. */
  get isUrgent(): boolean {
    return this.#phase.at === 'settling' || this.#phase.at === 'punching' || this.#phase.at === 'resuming';
  }

  /** Whether there is a session that, for all we know, works. */
  hasSession({ nowMs }: PathContext): boolean {
    return !this.#stale && this.#state.lastHandshakeMs > nowMs - SESSION_MS;
  }

  /** Takes in what WireGuard shows now. */
  look(seen: PeerState, context: PathContext): PathAction[] {
    const { nowMs } = context;
    this.#takeState(seen, context);
    const phase = this.#phase;
    switch (phase.at) {
      case 'rest':
        return this.#state.kind === 'direct' ? this.#watch(seen, context) : [];
      case 'offered':
        if (nowMs > phase.untilMs) this.#postpone(nowMs);
        return [];
      case 'settling':
        return this.#settle(phase, seen, context);
      case 'punching':
        return this.#punch(phase.punch, seen, context);
      case 'resuming':
        if (hasSession(seen, nowMs)) this.#phase = REST;
        else if (nowMs > phase.untilMs) return this.#restart(context);
        return [];
    }
  }

  /** Whether it is this side's turn and time to offer. */
  wantsOffer({ nowMs, connected }: PathContext): boolean {
    const isDue = nowMs >= this.#nextOfferMs && !this.#offline;
    const isNeeded = this.#state.kind !== 'direct' || this.#stale || this.#doubted;
    return connected && this.#initiates && this.#phase.at === 'rest' && isNeeded && isDue;
  }

  offer({ nowMs }: PathContext): PathAction[] {
    // Grows over restarts of this agent too, so that an answer to an earlier life is recognised.
    this.#attempt = Math.max(this.#attempt + 1, nowMs);
    this.#phase = { at: 'offered', attempt: this.#attempt, untilMs: nowMs + ANSWER_MS };
    return [{ act: 'signal', kind: PeerSignal_Kind.KIND_OFFER, attempt: this.#attempt }];
  }

  /** The peer can be signalled to, for the first time or again. */
  greet(): PathAction[] {
    this.#offline = false;
    if (this.#state.kind === 'direct') return [];
    this.#nextOfferMs = 0;
    return this.#initiates ? [] : [{ act: 'signal', kind: PeerSignal_Kind.KIND_HELLO, attempt: 0 }];
  }

  /**
   * We are somewhere else now: the peer learns it from the next packet. The endpoint is set as it is, because wireguard-go holds on to the
   * source address that it had with it, and sends nothing from one that is gone.
   */
  announce(): PathAction[] {
    const { kind, endpoint } = this.#state;
    return this.#phase.at === 'rest' && kind !== 'none' ? [{ act: 'steer', endpoint, fresh: false }] : [];
  }

  /** What failed before may work now. */
  forgetFailures(options: { readonly stale: boolean }): void {
    this.#punchFailures = 0;
    this.#settleFailures = 0;
    if (this.#state.kind !== 'direct' && options.stale) this.#stale = true;
  }

  /**
   * UDP has just been found not to get through to the relay: a direct path that is silent too goes there, whatever way leads there. And the
   * peer is asked for a packet, because it may sit behind the same wall without noticing.
   */
  distrust({ nowMs, relay }: PathContext): PathAction[] {
    const isSilent = this.#phase.at === 'rest' && nowMs - this.#heardMs >= DISTRUST_AFTER_MS;
    if (!isSilent || this.#state.kind === 'none') return [];
    const probe = { act: 'signal', kind: PeerSignal_Kind.KIND_PROBE, attempt: 0 } as const;
    return this.#state.kind === 'direct' ? [probe, ...this.#backToRelay(nowMs, relay)] : [probe];
  }

  /** Our own side of every session is lost: begins again where the peer was, because the controller may be away. */
  resume(context: PathContext): PathAction[] {
    if (this.#directEndpoint === '') return this.#restart(context);
    this.#phase = { at: 'resuming', untilMs: context.nowMs + RESUME_MS };
    return [{ act: 'steer', endpoint: this.#directEndpoint, fresh: true }];
  }

  receive(signal: PeerSignal, context: PathContext): PathAction[] {
    this.#offline = false;
    switch (signal.kind) {
      case PeerSignal_Kind.KIND_HELLO:
        if (!this.#initiates || this.isUrgent) return [];
        // It would not greet if it had a direct path to us, whatever we believe.
        this.#doubted = true;
        this.#phase = REST;
        this.#nextOfferMs = 0;
        return [];
      case PeerSignal_Kind.KIND_OFFER:
        if (this.#initiates) return [];
        return [...this.#begin(signal, context), { act: 'signal', kind: PeerSignal_Kind.KIND_ANSWER, attempt: signal.attempt }];
      case PeerSignal_Kind.KIND_ANSWER:
        if (this.#phase.at !== 'offered' || this.#phase.attempt !== signal.attempt) return [];
        this.#doubted = false;
        this.#stale ||= !signal.hasSession;
        return [...this.#begin(signal, context), ...this.#freshen(context)];
      case PeerSignal_Kind.KIND_PROBE:
        return [{ act: 'nudge' }];
      case PeerSignal_Kind.KIND_UNSPECIFIED:
        return [];
    }
  }

  /** The peer did not get our signal: it has no control stream, or does not know us yet. */
  undelivered(kind: PeerSignal_Kind): void {
    if (kind === PeerSignal_Kind.KIND_PROBE) this.#silence.askedInVain();
    if (kind !== PeerSignal_Kind.KIND_OFFER || this.#phase.at !== 'offered') return;
    this.#phase = REST;
    this.#offline = true;
  }

  #takeState(seen: PeerState, { nowMs, isRelay }: PathContext): void {
    const endpoint = seen.endpoint ?? '';
    if (seen.rxBytes !== this.#state.rxBytes) this.#heardMs = nowMs;
    const inferred = !hasSession(seen, nowMs) || endpoint === '' ? 'none' : isRelay(endpoint) ? 'relay' : 'direct';
    // While endpoints are tried out, the one that WireGuard shows says nothing about where packets get through.
    const kind = this.isUrgent ? this.#state.kind : inferred;
    if (kind === 'direct' && this.#state.kind !== 'direct') this.#directSinceMs = nowMs;
    if (!this.isUrgent && kind !== 'none') this.#directEndpoint = kind === 'direct' ? endpoint : '';
    this.#state = {
      nodeId: this.nodeId,
      kind,
      endpoint: this.isUrgent ? this.#state.endpoint : endpoint,
      lastHandshakeMs: seen.latestHandshakeMs,
      rxBytes: seen.rxBytes,
      txBytes: seen.txBytes,
    };
  }

  /** Both sides compute the same plan, each from its end. */
  #begin(signal: PeerSignal, context: PathContext): PathAction[] {
    const own = context.candidates();
    const { nat } = context;
    const theirs = { symmetric: signal.symmetricNat, portRestricted: signal.portRestrictedNat };
    const candidates = orderCandidates(own, signal.candidates, { seenPort: isSeenPortUseful(nat, theirs) });
    const reverse = orderCandidates(signal.candidates, own, { seenPort: isSeenPortUseful(theirs, nat) });
    const plan = {
      candidates,
      turns: Math.max(candidates.length, reverse.length),
      symmetric: theirs.symmetric || nat.symmetric,
      listensFirst: !this.#initiates && reverse.length > 0,
    };
    this.#phase = { at: 'settling', plan, untilMs: context.nowMs + SETTLE_MS };
    return candidates.length === 0 ? [] : [{ act: 'open', endpoints: candidates }];
  }

  /** The initiator makes the session, once the other side has said that it is ready for it. */
  #freshen(context: PathContext): PathAction[] {
    const { relay } = context;
    if (relay === '' || this.hasSession(context)) return [];
    this.#stale = false;
    this.#state = { ...this.#state, kind: 'none' };
    return [{ act: 'steer', endpoint: relay, fresh: true }];
  }

  #settle(phase: Phase & { at: 'settling' }, seen: PeerState, context: PathContext): PathAction[] {
    const { nowMs, isRelay } = context;
    if (!hasSession(seen, nowMs)) {
      if (nowMs > phase.untilMs) {
        this.#stale = true;
        this.#postpone(nowMs);
      }
      return [];
    }
    this.#settleFailures = 0;
    if (isRelay(seen.endpoint ?? '')) this.#state = { ...this.#state, kind: 'relay', endpoint: seen.endpoint ?? '' };
    if (phase.plan.turns === 0) {
      this.#phase = REST;
      this.#nextOfferMs = nowMs + PUNCH_PAUSES_MS.at(-1)!;
      return [];
    }
    const punch = new Punch(phase.plan, isRelay, nowMs);
    this.#phase = { at: 'punching', punch };
    return this.#punch(punch, seen, context);
  }

  #punch(punch: Punch, seen: PeerState, { nowMs, relay }: PathContext): PathAction[] {
    const next = punch.next({ endpoint: seen.endpoint ?? '', rxBytes: seen.rxBytes }, nowMs);
    switch (next.step) {
      case 'wait':
        return [];
      case 'nudge':
        return [{ act: 'nudge' }];
      case 'steer':
        return [{ act: 'steer', endpoint: next.endpoint, fresh: false }];
      case 'direct':
        this.#phase = REST;
        this.#directSinceMs = nowMs;
        this.#state = { ...this.#state, kind: 'direct', endpoint: next.endpoint };
        // Whoever hears first answers, so that the other does not have to wait for its next turn.
        return [{ act: 'nudge' }];
      case 'failed':
        return this.#backToRelay(nowMs, relay);
    }
  }

  #watch(seen: PeerState, { nowMs, connected, relay }: PathContext): PathAction[] {
    if (nowMs - this.#directSinceMs > SETTLED_MS) this.#punchFailures = 0;
    switch (this.#silence.look(seen, nowMs, connected)) {
      case 'ask':
        return [{ act: 'signal', kind: PeerSignal_Kind.KIND_PROBE, attempt: 0 }];
      case 'dead':
        return this.#backToRelay(nowMs, relay);
      case undefined:
        return [];
    }
  }

  /** WireGuard's roaming pulls the other side along as soon as it hears us from the relay. */
  #backToRelay(nowMs: number, relay: string): PathAction[] {
    this.#phase = REST;
    this.#silence.reset();
    this.#nextOfferMs = nowMs + pause(PUNCH_PAUSES_MS, this.#punchFailures++);
    return relay === '' ? [] : [{ act: 'steer', endpoint: relay, fresh: false }];
  }

  /** A peer that did not answer in time may have too much to do. */
  #postpone(nowMs: number): void {
    this.#phase = REST;
    this.#nextOfferMs = nowMs + pause(SETTLE_PAUSES_MS, this.#settleFailures++);
  }

  #restart({ relay }: PathContext): PathAction[] {
    this.#phase = REST;
    this.#nextOfferMs = 0;
    return relay === '' ? [] : [{ act: 'steer', endpoint: relay, fresh: true }];
  }
}

function hasSession(seen: PeerState, nowMs: number): boolean {
  return seen.latestHandshakeMs > nowMs - SESSION_MS;
}

function pause(pauses: readonly number[], failures: number): number {
  return pauses[Math.min(failures, pauses.length - 1)]!;
}
