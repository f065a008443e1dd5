import { DomainError } from '../domain/errors.js';
import type { PeerSignal, ReportRequest, WatchRequest, WatchResponse } from '../gen/networkcontroller/v1/node.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import { followStream, type ControlSession } from './control-session.js';
import type { EndpointOrder } from './endpoint-order.js';
import { Heartbeat } from './heartbeat.js';
import { ReconnectPauses } from './reconnect-pauses.js';

/** `connecting` before the first connection, `offline` after one was lost. */
export type ControlState = 'connecting' | 'connected' | 'offline';

/** What the link asks of the agent and tells it. */
export interface ControlHandlers {
  /** A stream begins: what to resume from. */
  beginStream(): WatchRequest;
  onMessage(message: WatchResponse): void;
  onState(state: ControlState): void;
  /** The controller will not take this node back: it was revoked or unregistered. The link has ended. */
  onEnd(error: DomainError): void;
  /** No controller could be reached, or none that can be believed. */
  onUnreachable(): void;
  /** The controller does not take the certificate, and will not until the node has another. */
  onCertificateRefused(): void;
  /** What to say in a report. */
  report(): Promise<ReportRequest>;
  /** The report has arrived. */
  onReported(request: ReportRequest): void;
}

/** What a {@link ControlLink} is made of. */
export interface ControlDeps {
  readonly endpoints: EndpointOrder;
  readonly connect: (endpoint: string) => ControlSession;
  readonly handlers: ControlHandlers;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
}

/** Refusals that no further attempt changes. */
const FINAL_CODES: ReadonlySet<string> = new Set(['node_revoked', 'node_unknown']);
/** Refusals that another certificate changes. */
const CERTIFICATE_CODES: ReadonlySet<string> = new Set(['certificate_invalid', 'certificate_superseded']);
/**
 * A controller that has not answered the stream by then is given up for the next. Once all have been tried, they may have ten thousand others
 * to answer, which they do in turn: whoever gives up as soon again has lost its place in the line.
 */
const FIRST_ANSWER_MS = { firstRound: 10_000, later: 20_000 } as const;
/** A connection that held so long after the controller's first word was a good one: the back-off begins anew. */
const HELD_MS = 10_000;

/**
 * Keeps one connection to a controller for as long as the node lives.
 *
 * Endpoints are tried in turn, for ever, with the pauses of {@link ReconnectPauses} between rounds. The tunnel depends on none of this.
 */
export class ControlLink {
  readonly #deps: ControlDeps;
  readonly #heartbeat: Heartbeat;
  /** The connection whose stream is followed. */
  #stream: ControlSession | undefined;
  /** The connection that calls go over: the stream's, or the one that is about to take over from it. */
  #calls: ControlSession | undefined;
  /** The connection that the stream moves to when the one before has ended. */
  #successor: ControlSession | undefined;
  /** A controller that stops has asked not to come to anybody before this moment. */
  #awayUntilMs = 0;
  /** When the controller said its first word over the connection that is followed. */
  #firstWordAtMs: number | undefined;
  /** Whether every controller has been asked since one of them said something. */
  #allWereAsked = false;
  /** Within how long to try again when no controller is reached, as one of them has asked. */
  #retryWithinMs = 0;
  #state: ControlState = 'connecting';
  #lastError = '';
  #ended = false;
  #wake: () => void = () => {};
  #running: Promise<void> | undefined;

  constructor(deps: ControlDeps) {
    this.#deps = deps;
    this.#heartbeat = new Heartbeat(deps.clock, () => this.#report());
  }

  get state(): ControlState {
    return this.#state;
  }

  /** The endpoint connected to, or being tried. */
  get endpoint(): string {
    return this.#deps.endpoints.current();
  }

  /** Why there is no connection, in a sentence; empty while there is one. */
  get lastError(): string {
    return this.#lastError;
  }

  /** The connection, while there is one. */
  get session(): ControlSession | undefined {
    return this.#state === 'connected' ? this.#calls : undefined;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Reports within a second; several calls make one report. */
  reportSoon(): void {
    this.#heartbeat.soon();
  }

  /** Reports at once, for what somebody is waiting for. */
  reportNow(): void {
    this.#heartbeat.now();
  }

  /**
   * Passes signals on to other nodes.
   *
   * @returns The node ids that were not reached.
   * @throws DomainError `unavailable` while there is no connection, and what the controller refuses.
   */
  signal(signals: readonly PeerSignal[]): Promise<readonly string[]> {
    const refusal = new DomainError('unavailable', 'signals: want a connection to the controller, have none');
    return this.session?.signal(signals) ?? Promise.reject(refusal);
  }

  /** Drops the connection and makes a new one at once. */
  reconnect(): void {
    this.#stream?.close();
    this.#calls?.close();
    this.#wake();
  }

  /**
   * Makes a new connection, after new certificates, and leaves the old one once the new one has answered. The map goes on from the
   * revision it is at.
   */
  async moveOver(): Promise<void> {
    if (this.session === undefined) return this.reconnect();
    const old = this.#stream;
    const next = this.#deps.connect(this.endpoint);
    // No call may go out with the old certificate once the new one has been shown: that is what a copy of the node would do.
    this.#calls = next;
    const answered = await this.#report(next).then(() => true, () => false);
    // Meanwhile the connection may have been lost, or the node stopped.
    if (answered && this.#calls === next && !this.#ended) this.#successor = next;
    else next.close();
    old?.close();
  }

  /** Ends the connection for good. Idempotent. */
  async stop(): Promise<void> {
    this.#ended = true;
    this.reconnect();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, endpoints } = this.#deps;
    const pauses = new ReconnectPauses(clock.now());
    while (!this.#ended) {
      await this.#connectOnce();
      if (this.#firstWordAtMs !== undefined && clock.now() - this.#firstWordAtMs >= HELD_MS) pauses.held(clock.now(), this.#retryWithinMs);
      if (this.#successor !== undefined || this.#ended) continue;
      const isRoundOver = endpoints.advance();
      this.#allWereAsked = this.#firstWordAtMs === undefined && (this.#allWereAsked || isRoundOver);
      const pauseMs = isRoundOver ? pauses.next(clock.now()) : 0;
      const waitMs = Math.max(pauseMs, this.#awayUntilMs - clock.now());
      if (waitMs > 0) await this.#pause(waitMs);
    }
  }

  async #connectOnce(): Promise<void> {
    const { connect, handlers, log } = this.#deps;
    const endpoint = this.endpoint;
    const session = this.#successor ?? connect(endpoint);
    this.#successor = undefined;
    this.#firstWordAtMs = undefined;
    this.#stream = session;
    this.#calls = session;
    try {
      await followStream(session, handlers.beginStream(), {
        ...this.#deps,
        firstAnswerMs: this.#allWereAsked ? FIRST_ANSWER_MS.later : FIRST_ANSWER_MS.firstRound,
        onMessage: (message) => this.#onMessage(message),
        onGoAway: (afterMs) => (this.#awayUntilMs = this.#deps.clock.now() + afterMs),
      });
      log.info('the controller ended the stream', { endpoint });
    } catch (error) {
      if (this.#successor === undefined) this.#onFailure(endpoint, error);
    } finally {
      session.close();
      if (this.#successor === undefined) this.#disconnected();
    }
  }

  #disconnected(): void {
    this.#heartbeat.stop();
    if (this.#state === 'connected') this.#setState('offline');
  }

  #onMessage(message: WatchResponse): void {
    this.#firstWordAtMs ??= this.#deps.clock.now();
    if (this.#state !== 'connected') {
      this.#lastError = '';
      this.#deps.endpoints.settle();
      this.#deps.log.info('connected to the controller', { endpoint: this.endpoint });
      this.#setState('connected');
      this.#heartbeat.start();
    }
    this.#deps.handlers.onMessage(message);
  }

  #onFailure(endpoint: string, error: unknown): void {
    if (this.#ended) return;
    this.#lastError = (error as Error).message;
    if (error instanceof DomainError && FINAL_CODES.has(error.code)) {
      this.#ended = true;
      this.#deps.handlers.onEnd(error);
      return;
    }
    if (error instanceof DomainError && CERTIFICATE_CODES.has(error.code)) this.#deps.handlers.onCertificateRefused();
    const fields = { endpoint, reason: this.#lastError };
    if (this.#state !== 'connected') this.#deps.handlers.onUnreachable();
    if (this.#state === 'connected') this.#deps.log.info('the connection to the controller was lost', fields);
    else this.#deps.log.debug('no connection to the controller', fields);
  }

  /** Reports, over the connection given or the one that calls go over by then. @returns when the next report is wanted. */
  async #report(session?: ControlSession): Promise<number> {
    const request = await this.#deps.handlers.report();
    const response = await (session ?? this.#calls)?.report(request);
    if (response === undefined) return 0;
    this.#retryWithinMs = response.retryWithinMs;
    this.#deps.handlers.onReported(request);
    return response.nextReportSeconds;
  }

  #setState(state: ControlState): void {
    this.#state = state;
    this.#deps.handlers.onState(state);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#deps.clock.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
