import type { Duplex } from 'node:stream';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { DeviceState, PeerState } from '../platform/wireguard/device.js';
import { AnswerWatch } from './answer-watch.js';
import { ControllerTunnel } from './controller-tunnel.js';
import { LoopbackPort } from './loopback-port.js';

/** Handshakes over UDP that may stay unanswered before TCP is tried: 3.5 s after the first. */
const UDP_HANDSHAKES = 2;

/** Handshakes over TCP that may stay unanswered before the connection is given up. */
const TCP_HANDSHAKES = 4;

/** Pauses between looks whether UDP gets through again, in ms: the later ones when it seems to but WireGuard's packets do not. */
const PROBE_PAUSES_MS = [5000, 30_000, 60_000, 300_000];

/** A connection that held so long was a good one, and worth being made again at once. */
const HELD_MS = 10_000;

/** How long the way back over UDP may take to carry a packet, in ms, and the time between tries. */
const RETURN_MS = 1500;
const RETURN_AGAIN_MS = 200;

/** A relay as the network map names it. */
export interface RelayFacts {
  /** Base64. */
  readonly publicKey: string;
  /** UDP, best first, IP literals. */
  readonly endpoints: readonly string[];
  /** host:port, of its HTTPS listener; none without TCP fallback. */
  readonly httpsEndpoints: readonly string[];
}

/** What a link works with. */
export interface RelayLinkDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Opens a TCP connection that carries packets; undefined where there is no need for one. */
  readonly openTcp: ((endpoint: string) => Promise<Duplex>) | undefined;
  /** Whether UDP to `endpoint` gets through and back. */
  answersUdp(endpoint: string): Promise<boolean>;
  /** Something has happened that the next look acts on; `tcp`: UDP has been found not to get through. */
  onNews(news: 'tcp' | 'other'): void;
}

/** What shall be done with the relay as a WireGuard peer: a new session, other way, or just a packet. */
export type RelayAction = { readonly act: 'steer'; readonly endpoint: string; readonly fresh: boolean } | { readonly act: 'nudge' };

type Way =
  | { readonly at: 'udp' | 'opening' }
  | { readonly at: 'tcp'; readonly via: string; readonly sinceMs: number; readonly probeMs: number }
  | { readonly at: 'returning'; readonly via: string; readonly sinceMs: number; readonly againMs: number; readonly rxBytes: number | undefined };

const NOTHING: readonly RelayAction[] = [];

/**
 * The way to one relay: UDP where that gets through, else the same packets over TCP, and back as soon as it does again.
 *
 * WireGuard's own packets are the only proof either way, because there are networks that pass other UDP and drop these.
 */
export class RelayLink {
  readonly #deps: RelayLinkDeps;
  readonly #tunnel = new ControllerTunnel();
  readonly #watch = new AnswerWatch();
  #relay: RelayFacts = { publicKey: '', endpoints: [], httpsEndpoints: [] };
  #port: LoopbackPort | undefined;
  /** UDP port of this machine's WireGuard. */
  #listenPort = 0;
  #way: Way = { at: 'udp' };
  /** UDP did not get through when it was used last. */
  #prefersTcp = false;
  #failedReturns = 0;
  #udpAnswered = false;
  #wantsFresh = false;
  #lastFailure = '';
  #stopped = false;

  constructor(deps: RelayLinkDeps) {
    this.#deps = deps;
  }

  /** Where WireGuard is to send what the relay shall pass on; empty while none is known. */
  get endpoint(): string {
    return this.#isTcp && this.#port !== undefined ? this.#port.endpoint : this.#udpEndpoint;
  }

  /** The relay's end of the TCP connection, `host:port`; empty over UDP. */
  get tcpEndpoint(): string {
    return 'via' in this.#way ? this.#way.via : '';
  }

  /** Whether milliseconds count now. */
  get isUrgent(): boolean {
    return this.#way.at === 'returning';
  }

  setRelay(relay: RelayFacts): void {
    this.#relay = relay;
  }

  /** Whether packets sent to `endpoint` go to this relay. */
  isMine(endpoint: string): boolean {
    return this.#relay.endpoints.includes(endpoint) || endpoint === this.#port?.endpoint;
  }

  /** Whether packets sent to `endpoint` take a way to this relay that is not the one in use. */
  isLeft(endpoint: string): boolean {
    return this.isMine(endpoint) && (endpoint === this.#port?.endpoint) !== this.#isTcp;
  }

  /** The control stream is up, so that the relay ought to answer. */
  expectAnswer(): void {
    this.#tunnel.expectAnswer(this.#deps.clock.now());
    if (this.#prefersTcp && this.#way.at === 'udp') void this.#openTcp();
  }

  /** A peer hears nothing from this node, which may be because nothing gets out of here. */
  doubt(): void {
    this.#watch.doubt();
  }

  /** The relay has forgotten its sessions. */
  renew(): void {
    this.#wantsFresh = true;
  }

  /**
   * Takes in what WireGuard shows now.
   *
   * @param connected Whether the control stream is up; without it silence says nothing about UDP.
   * @returns Whether a session has just come about, and what to do.
   */
  look(seen: DeviceState, nowMs: number, connected: boolean): { readonly cameUp: boolean; readonly actions: readonly RelayAction[] } {
    const relay = seen.peers.get(this.#relay.publicKey);
    if (relay === undefined) return { cameUp: false, actions: NOTHING };
    this.#listenPort = seen.listenPort;
    const news = this.#tunnel.look(relay, nowMs, connected);
    const unheard = connected ? this.#watch.look(seen, relay.publicKey, nowMs) : undefined;
    const patience = this.#isTcp ? TCP_HANDSHAKES : UDP_HANDSHAKES;
    if (unheard === 'blocked' || (news === 'due' && this.#tunnel.tries >= patience)) this.#takeOtherWay();
    const actions = [...this.#returnToUdp(relay, nowMs), ...(unheard === 'ask' ? [{ act: 'nudge' } as const] : [])];
    if (news !== 'due' && !this.#wantsFresh) return { cameUp: news === 'came up', actions };
    this.#wantsFresh = false;
    this.#tunnel.begin(nowMs);
    return { cameUp: false, actions: this.endpoint === '' ? NOTHING : [{ act: 'steer', endpoint: this.endpoint, fresh: true }] };
  }

  stop(): void {
    this.#stopped = true;
    this.#port?.close();
  }

  get #isTcp(): boolean {
    return 'via' in this.#way;
  }

  get #udpEndpoint(): string {
    return this.#relay.endpoints[0] ?? '';
  }

  #takeOtherWay(): void {
    if (this.#way.at === 'udp') void this.#openTcp();
    if (this.#isTcp) this.#leaveTcp('nothing came over the connection');
  }

  async #openTcp(): Promise<void> {
    const { openTcp } = this.#deps;
    if (openTcp === undefined) return;
    this.#way = { at: 'opening' };
    try {
      for (const endpoint of this.#relay.httpsEndpoints) {
        const connection = await openTcp(endpoint).catch((error: unknown) => this.#noteFailure(String(error)));
        if (connection === undefined) continue;
        this.#port ??= await LoopbackPort.open();
        if (this.#stopped) return void connection.destroy();
        return this.#takeTcp(connection, endpoint, this.#port);
      }
    } finally {
      if (this.#way.at === 'opening') this.#way = { at: 'udp' };
    }
  }

  #takeTcp(connection: Duplex, via: string, port: LoopbackPort): void {
    const { clock, log, onNews } = this.#deps;
    const sinceMs = clock.now();
    this.#way = { at: 'tcp', via, sinceMs, probeMs: sinceMs + PROBE_PAUSES_MS[0]! };
    this.#prefersTcp = true;
    this.#lastFailure = '';
    port.carry(connection, this.#listenPort, () => this.#leaveTcp('the relay or the network ended the connection'));
    log.warn('UDP does not get through to the relay; its packets go over TCP now', { endpoint: this.#udpEndpoint, via });
    this.#beginAnew();
    onNews('tcp');
  }

  /** Back to UDP without knowing whether that gets through; if it does not, TCP is tried anew. */
  #leaveTcp(reason: string): void {
    if (!('via' in this.#way)) return;
    const { clock, log, onNews } = this.#deps;
    const { via, sinceMs } = this.#way;
    log.info('the TCP connection to the relay is over', { via, reason });
    this.#way = { at: 'udp' };
    this.#port?.hangUp();
    this.#beginAnew();
    if (clock.now() - sinceMs >= HELD_MS) void this.#openTcp();
    onNews('other');
  }

  /** Asks from time to time whether UDP gets through, then tries it with a keepalive, and stays there when that is answered. */
  #returnToUdp(relay: PeerState, nowMs: number): readonly RelayAction[] {
    const way = this.#way;
    if (way.at === 'tcp' && this.#udpAnswered) {
      this.#udpAnswered = false;
      this.#way = { at: 'returning', via: way.via, sinceMs: nowMs, againMs: nowMs + RETURN_AGAIN_MS, rxBytes: undefined };
      return this.#steer(this.#udpEndpoint);
    }
    if (way.at === 'tcp' && nowMs >= way.probeMs) {
      this.#way = { ...way, probeMs: nowMs + PROBE_PAUSES_MS[0]! };
      void this.#probeUdp();
    }
    return way.at === 'returning' ? this.#watchReturn(way, relay, nowMs) : NOTHING;
  }

  #watchReturn(way: Way & { at: 'returning' }, relay: PeerState, nowMs: number): readonly RelayAction[] {
    // A packet that was still on its way over TCP has pulled WireGuard back there: what came until now proves nothing.
    const rxBytes = relay.endpoint === this.#port?.endpoint ? undefined : (way.rxBytes ?? relay.rxBytes);
    if (rxBytes !== undefined && relay.rxBytes > rxBytes) {
      this.#returned();
      return NOTHING;
    }
    if (nowMs - way.sinceMs > RETURN_MS) {
      const pauseMs = PROBE_PAUSES_MS[Math.min(++this.#failedReturns, PROBE_PAUSES_MS.length - 1)]!;
      this.#way = { at: 'tcp', via: way.via, sinceMs: nowMs, probeMs: nowMs + pauseMs };
      return this.#steer(this.endpoint);
    }
    const again = nowMs >= way.againMs;
    this.#way = { ...way, rxBytes, againMs: again ? nowMs + RETURN_AGAIN_MS : way.againMs };
    return again ? this.#steer(this.#udpEndpoint) : NOTHING;
  }

  #returned(): void {
    this.#way = { at: 'udp' };
    this.#prefersTcp = false;
    this.#failedReturns = 0;
    this.#port?.hangUp();
    this.#watch.reset(this.#deps.clock.now());
    this.#deps.log.info('UDP gets through to the relay again', { endpoint: this.#udpEndpoint });
  }

  async #probeUdp(): Promise<void> {
    const answered = await this.#deps.answersUdp(this.#udpEndpoint).catch(() => false);
    if (!answered || this.#way.at !== 'tcp') return;
    this.#udpAnswered = true;
    this.#deps.onNews('other');
  }

  #beginAnew(): void {
    const nowMs = this.#deps.clock.now();
    this.#udpAnswered = false;
    this.#wantsFresh = true;
    this.#tunnel.expectAnswer(nowMs);
    this.#watch.reset(nowMs);
  }

  #steer(endpoint: string): readonly RelayAction[] {
    return [{ act: 'steer', endpoint, fresh: false }];
  }

  #noteFailure(reason: string): undefined {
    if (reason !== this.#lastFailure) this.#deps.log.warn('UDP does not get through to the relay, and TCP does not either', { reason });
    this.#lastFailure = reason;
  }
}
