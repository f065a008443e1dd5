import { PeerSignal_Kind, type PeerSignal } from '../gen/networkcontroller/v1/node.js';
import type { PeerState } from '../platform/wireguard/device.js';
import { OfferSchedule } from './offer-schedule.js';
import type { PathAction, PathContext } from './path-action.js';
import { PathAttempt } from './path-attempt.js';
import { hasSession, PathSight } from './path-sight.js';
import type { PathState } from './path-types.js';
import { planPunch } from './punch-plan.js';
import { SilenceWatch } from './silence-watch.js';

/** How long an offer waits for its answer. */
const ANSWER_MS = 3000;

/** How long a peer may take to answer at the direct endpoint that worked before our interface was lost. */
const RESUME_MS = 700;

/** How long the responder leaves a new session to the initiator: two that begin at once get in each other's way for five seconds. */
const LEAVE_MS = 700;

/** Silence of a direct path that is reason enough when UDP does not get through elsewhere either. */
const DISTRUST_AFTER_MS = 1500;

/** A direct path that has lived so long owes nothing to its former failures. */
const SETTLED_MS = 60_000;

type Phase =
  | { readonly at: 'rest' }
  | { readonly at: 'offered'; readonly attempt: number; readonly untilMs: number }
  | { readonly at: 'trying'; readonly attempt: PathAttempt }
  | { readonly at: 'resuming'; readonly untilMs: number }
  | { readonly at: 'leaving'; readonly untilMs: number; readonly handshakeMs: number };

const REST: Phase = { at: 'rest' };

/**
 * The path to one peer, without any I/O: it is shown what WireGuard sees and what the peer says, and tells what to do.
 *
 * The initiator offers, the responder answers, both wait until a session exists through the relay, and then both punch.
 */
export class PeerPath {
  readonly nodeId: string;
  readonly publicKey: string;
  /** Whether this end of the pair begins. */
  readonly initiates: boolean;
  readonly #sight: PathSight;
  readonly #schedule = new OfferSchedule();
  readonly #silence = new SilenceWatch();
  #phase: Phase = REST;
  #attempt = 0;
  /** The session we have is of no use: one side or the relay has lost it. */
  #stale = false;
  /** The peer has greeted, so it may have lost its side of the session; its answer will tell. */
  #doubted = false;
  /** An attempt ended with the session, because our own NAT was not known yet. */
  #undecided = false;

  constructor(peer: { nodeId: string; publicKey: string; initiates: boolean }) {
    this.nodeId = peer.nodeId;
    this.publicKey = peer.publicKey;
    this.initiates = peer.initiates;
    this.#sight = new PathSight(peer.nodeId);
  }

  get state(): PathState {
    return this.#sight.state;
  }

  /** Whether an attempt is under way. */
  get isBusy(): boolean {
    return this.#phase.at !== 'rest';
  }

  /** Whether milliseconds count now. */
  get isUrgent(): boolean {
    return this.#phase.at === 'trying' || this.#phase.at === 'resuming';
  }

  /** Whether there is a session that, for all we know, works. */
  hasSession({ nowMs }: PathContext): boolean {
    return !this.#stale && this.#sight.hasSession(nowMs);
  }

  /** Takes in what WireGuard shows now. */
  look(seen: PeerState, context: PathContext): PathAction[] {
    const { nowMs } = context;
    this.#sight.look(seen, context, this.isUrgent);
    const phase = this.#phase;
    switch (phase.at) {
      case 'rest':
        return this.state.kind === 'direct' ? this.#watch(seen, context) : [];
      case 'offered':
        if (nowMs > phase.untilMs) this.#postpone(nowMs);
        return [];
      case 'trying':
        return this.#try(phase.attempt, seen, context);
      case 'resuming':
        if (hasSession(seen, nowMs)) this.#phase = REST;
        else if (nowMs > phase.untilMs) return this.#restart(context);
        return [];
      case 'leaving':
        if (seen.latestHandshakeMs !== phase.handshakeMs) this.#phase = REST;
        else if (nowMs > phase.untilMs) return this.#renewSession(context);
        return [];
    }
  }

  /** Whether it is this side's turn and time to offer. */
  wantsOffer({ nowMs, connected }: PathContext): boolean {
    const isNeeded = this.state.kind !== 'direct' || this.#stale || this.#doubted;
    return connected && this.initiates && this.#phase.at === 'rest' && isNeeded && this.#schedule.isDue(nowMs);
  }

  /** Since when an offer is due: who has waited longest comes first. */
  get offerDueMs(): number {
    return this.#schedule.dueMs;
  }

  offer({ nowMs }: PathContext): PathAction[] {
    // Grows over restarts of this agent too, so that an answer to an earlier life is recognised.
    this.#attempt = Math.max(this.#attempt + 1, nowMs);
    this.#phase = { at: 'offered', attempt: this.#attempt, untilMs: nowMs + ANSWER_MS };
    return [{ act: 'signal', kind: PeerSignal_Kind.KIND_OFFER, attempt: this.#attempt }];
  }

  /** The peer can be signalled to, for the first time or again. */
  greet(): PathAction[] {
    this.#schedule.peerIsThere();
    if (this.state.kind === 'direct') return [];
    this.#schedule.soon();
    return this.initiates ? [] : [{ act: 'signal', kind: PeerSignal_Kind.KIND_HELLO, attempt: 0 }];
  }

  /** Our own NAT is known now. */
  decide(): PathAction[] {
    if (!this.#undecided || this.isUrgent) return [];
    this.#undecided = false;
    return this.greet();
  }

  /**
   * We are somewhere else now: the peer learns it from the next packet. The endpoint is set as it is, because wireguard-go holds on to the
   * source address that it had with it, and sends nothing from one that is gone.
   */
  announce(): PathAction[] {
    const { kind, endpoint } = this.state;
    return this.#phase.at === 'rest' && kind !== 'none' ? [{ act: 'steer', endpoint, fresh: false }] : [];
  }

  /** We have moved: a direct path must answer a handshake from here, or is left for the relay. */
  prove(context: PathContext): PathAction[] {
    const isDirect = this.#phase.at === 'rest' && this.state.kind === 'direct';
    return isDirect || this.#phase.at === 'resuming' ? this.resume(context) : this.announce();
  }

  /** What failed before may work now. */
  forgetFailures(options: { readonly stale: boolean }): void {
    this.#schedule.forgetFailures();
    if (this.state.kind !== 'direct' && options.stale) this.#stale = true;
  }

  /**
   * UDP has just been found not to get through to the relay: a direct path that is silent too goes there, whatever way leads there. And the
   * peer is asked for a packet, because it may sit behind the same wall without noticing.
   */
  distrust(context: PathContext): PathAction[] {
    const { nowMs } = context;
    const isSilent = this.#phase.at === 'rest' && nowMs - this.#sight.heardMs >= DISTRUST_AFTER_MS;
    if (!isSilent || this.state.kind === 'none') return [];
    const probe = { act: 'signal', kind: PeerSignal_Kind.KIND_PROBE, attempt: 0 } as const;
    return this.state.kind === 'direct' ? [probe, ...this.#backToRelay(context)] : [probe];
  }

  /** Our own side of every session is lost: begins again where the peer was, because the controller may be away. */
  resume(context: PathContext): PathAction[] {
    const { directEndpoint } = this.#sight;
    if (directEndpoint === '') return this.#restart(context);
    this.#phase = { at: 'resuming', untilMs: context.nowMs + RESUME_MS };
    return [{ act: 'steer', endpoint: directEndpoint, fresh: true }];
  }

  receive(signal: PeerSignal, context: PathContext): PathAction[] {
    this.#schedule.peerIsThere();
    switch (signal.kind) {
      case PeerSignal_Kind.KIND_HELLO:
        if (!this.initiates || (this.isUrgent && !this.#isForSession)) return [];
        // It would not greet if it had a direct path to us, whatever we believe.
        this.#doubted = true;
        if (this.#isForSession) return [];
        this.#phase = REST;
        this.#schedule.soon();
        return [];
      case PeerSignal_Kind.KIND_OFFER:
        if (this.initiates) return [];
        return [...this.#begin(signal, context), { act: 'signal', kind: PeerSignal_Kind.KIND_ANSWER, attempt: signal.attempt }];
      case PeerSignal_Kind.KIND_ANSWER:
        if (this.#phase.at !== 'offered' || this.#phase.attempt !== signal.attempt) return [];
        this.#doubted = false;
        this.#stale ||= !signal.hasSession;
        return [...this.#begin(signal, context), ...this.#freshen(context)];
      case PeerSignal_Kind.KIND_PROBE:
        return [{ act: 'nudge' }];
      case PeerSignal_Kind.KIND_RELAYS:
      case PeerSignal_Kind.KIND_SLEEP:
      case PeerSignal_Kind.KIND_UNSPECIFIED:
        return [];
    }
  }

  /** The peer did not get our signal: it has no control stream, or does not know us yet. */
  undelivered(kind: PeerSignal_Kind): void {
    if (kind === PeerSignal_Kind.KIND_PROBE) this.#silence.askedInVain();
    if (kind !== PeerSignal_Kind.KIND_OFFER || this.#phase.at !== 'offered') return;
    this.#phase = REST;
    this.#schedule.peerIsAway();
  }

  /** Whether an attempt is under way that will end with the session. */
  get #isForSession(): boolean {
    return this.#phase.at === 'trying' && this.#phase.attempt.isForSession;
  }

  #begin(signal: PeerSignal, { nowMs, nat, candidates }: PathContext): PathAction[] {
    const theirs = signal.natUnknown ? undefined : { symmetric: signal.symmetricNat, portRestricted: signal.portRestrictedNat };
    const plan = planPunch({ candidates: candidates(), nat }, { candidates: signal.candidates, nat: theirs }, this.initiates);
    this.#undecided = nat === undefined;
    this.#phase = { at: 'trying', attempt: new PathAttempt(plan, nowMs) };
    const endpoints = plan?.candidates ?? [];
    return endpoints.length === 0 ? [] : [{ act: 'open', endpoints }];
  }

  /** The initiator makes the session, once the other side has said that it is ready for it. */
  #freshen(context: PathContext): PathAction[] {
    const { relay } = context;
    if (relay === '' || this.hasSession(context)) return [];
    this.#stale = false;
    this.#sight.dropSession();
    return [{ act: 'steer', endpoint: relay, fresh: true }];
  }

  #try(attempt: PathAttempt, seen: PeerState, context: PathContext): PathAction[] {
    const { nowMs, isRelay, nat } = context;
    const wasSettled = attempt.isSettled;
    const next = attempt.next(seen, context);
    if (!wasSettled && attempt.isSettled) {
      this.#schedule.settled();
      if (isRelay(seen.endpoint ?? '')) this.#sight.foundRelay(seen.endpoint ?? '');
    }
    switch (next.step) {
      case 'wait':
        return [];
      case 'nudge':
        return [{ act: 'nudge' }];
      case 'steer':
        return [{ act: 'steer', endpoint: next.endpoint, fresh: false }];
      case 'direct':
        this.#phase = REST;
        this.#sight.foundDirect(next.endpoint, nowMs);
        // Whoever hears first answers, so that the other does not have to wait for its next turn.
        return [{ act: 'nudge' }];
      case 'failed':
        return this.#backToRelay(context);
      case 'unsettled':
        this.#stale = true;
        this.#postpone(nowMs);
        return [];
      case 'spared':
        this.#phase = REST;
        next.forGood ? this.#schedule.hopeless(nowMs) : this.#schedule.punchFailed(nowMs);
        return [];
      case 'undecided':
        this.#phase = REST;
        this.#doubted ? this.#schedule.soon() : this.#schedule.undecided(nowMs);
        return nat === undefined ? [] : this.decide();
    }
  }

  #watch(seen: PeerState, context: PathContext): PathAction[] {
    const { nowMs, connected } = context;
    if (nowMs - this.#sight.directSinceMs > SETTLED_MS) this.#schedule.forgetPunches();
    switch (this.#silence.look(seen, nowMs, connected)) {
      case 'ask':
        return [{ act: 'signal', kind: PeerSignal_Kind.KIND_PROBE, attempt: 0 }];
      case 'dead':
        return this.#backToRelay(context);
      case undefined:
        return [];
    }
  }

  /**
   * WireGuard's roaming pulls the other side along as soon as it hears us from the relay. That passes on only what belongs to a handshake
   * that it has passed on, so a session that was made without it is made anew; WireGuard itself would wait 15 seconds.
   */
  #backToRelay(context: PathContext): PathAction[] {
    const { nowMs, relay, connected } = context;
    this.#phase = REST;
    this.#silence.reset();
    this.#schedule.punchFailed(nowMs);
    const isUseless = connected && !this.#sight.isSessionRelayed;
    if (isUseless && this.initiates) return this.#renewSession(context);
    if (isUseless) this.#phase = { at: 'leaving', untilMs: nowMs + LEAVE_MS, handshakeMs: this.state.lastHandshakeMs };
    return relay === '' ? [] : [{ act: 'steer', endpoint: relay, fresh: false }];
  }

  #renewSession({ relay }: PathContext): PathAction[] {
    this.#phase = REST;
    if (relay === '') return [];
    this.#sight.dropSession();
    return [{ act: 'steer', endpoint: relay, fresh: true }];
  }

  #postpone(nowMs: number): void {
    this.#phase = REST;
    this.#schedule.settleFailed(nowMs);
  }

  #restart({ relay }: PathContext): PathAction[] {
    this.#phase = REST;
    this.#schedule.soon();
    return relay === '' ? [] : [{ act: 'steer', endpoint: relay, fresh: true }];
  }
}
