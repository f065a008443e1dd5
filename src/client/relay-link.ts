import type { Duplex } from 'node:stream';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { DeviceState } from '../platform/wireguard/device.js';
import { AnswerWatch } from './answer-watch.js';
import { ControllerTunnel } from './controller-tunnel.js';
import { LoopbackPort } from './loopback-port.js';
import { UdpReturn } from './udp-return.js';

/** Handshakes over UDP that may stay unanswered before TCP is tried: 3.5 s after the first. */
const UDP_HANDSHAKES = 2;

/** Handshakes over TCP that may stay unanswered before the connection is given up. */
const TCP_HANDSHAKES = 4;

/** A connection that held so long was a good one, and worth being made again at once. */
const HELD_MS = 10_000;

/** A relay as the network map names it. */
export interface RelayFacts {
  /** Base64. */
  readonly publicKey: string;
  /** UDP, best first, IP literals. */
  readonly endpoints: readonly string[];
  /** host:port, of its HTTPS listener; none without TCP fallback. */
  readonly httpsEndpoints: readonly string[];
}

/** What has happened that the next look acts on. `tcp`: UDP has been found not to get through; `udp`: it does again. */
export type RelayNews = 'tcp' | 'udp' | 'other';

/** What a link works with. */
export interface RelayLinkDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Opens a TCP connection that carries packets; undefined where there is no need for one. */
  readonly openTcp: ((endpoint: string) => Promise<Duplex>) | undefined;
  /** Whether UDP to `endpoint` gets through and back. */
  answersUdp(endpoint: string): Promise<boolean>;
  onNews(news: RelayNews): void;
}

/** What shall be done with the relay as a WireGuard peer: a new session, other way, or just a packet. */
export type RelayAction = { readonly act: 'steer'; readonly endpoint: string; readonly fresh: boolean } | { readonly act: 'nudge' };

type Way = { readonly at: 'udp' | 'opening' } | { readonly at: 'tcp'; readonly via: string; readonly sinceMs: number };

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
  readonly #return: UdpReturn;
  #relay: RelayFacts = { publicKey: '', endpoints: [], httpsEndpoints: [] };
  #port: LoopbackPort | undefined;
  /** UDP port of this machine's WireGuard. */
  #listenPort = 0;
  #way: Way = { at: 'udp' };
  /** UDP did not get through when it was used last. */
  #prefersTcp = false;
  #wantsFresh = false;
  #lastFailure = '';
  #stopped = false;

  constructor(deps: RelayLinkDeps) {
    this.#deps = deps;
    this.#return = new UdpReturn(() => deps.answersUdp(this.#udpEndpoint), () => deps.onNews('other'));
  }

  /** Where WireGuard is to send what the relay shall pass on; empty while none is known. */
  get endpoint(): string {
    return this.#isTcp && this.#port !== undefined ? this.#port.endpoint : this.#udpEndpoint;
  }

  /** The relay's end of the TCP connection, `host:port`; empty over UDP. */
  get tcpEndpoint(): string {
    return this.#way.at === 'tcp' ? this.#way.via : '';
  }

  /** Whether milliseconds count now. */
  get isUrgent(): boolean {
    return this.#return.isUrgent;
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
    return this.#way.at === 'tcp';
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
    this.#way = { at: 'tcp', via, sinceMs };
    this.#return.begin(sinceMs);
    this.#prefersTcp = true;
    this.#lastFailure = '';
    port.carry(connection, this.#listenPort, () => this.#leaveTcp('the relay or the network ended the connection'));
    log.warn('UDP does not get through to the relay; its packets go over TCP now', { endpoint: this.#udpEndpoint, via });
    this.#beginAnew();
    onNews('tcp');
  }

  /** Back to UDP without knowing whether that gets through; if it does not, TCP is tried anew. */
  #leaveTcp(reason: string): void {
    if (this.#way.at !== 'tcp') return;
    const { clock, log, onNews } = this.#deps;
    const { via, sinceMs } = this.#way;
    log.info('the TCP connection to the relay is over', { via, reason });
    this.#way = { at: 'udp' };
    this.#return.end();
    this.#port?.hangUp();
    this.#beginAnew();
    if (clock.now() - sinceMs >= HELD_MS) void this.#openTcp();
    onNews('other');
  }

  #returnToUdp(relay: Parameters<UdpReturn['look']>[0], nowMs: number): readonly RelayAction[] {
    switch (this.#return.look(relay, this.#port?.endpoint, nowMs)) {
      case 'try':
        return [{ act: 'steer', endpoint: this.#udpEndpoint, fresh: false }];
      case 'failed':
        return [{ act: 'steer', endpoint: this.endpoint, fresh: false }];
      case 'returned':
        this.#returned(nowMs);
        return NOTHING;
      case undefined:
        return NOTHING;
    }
  }

  #returned(nowMs: number): void {
    const { log, onNews } = this.#deps;
    this.#way = { at: 'udp' };
    this.#prefersTcp = false;
    this.#port?.hangUp();
    this.#watch.reset(nowMs);
    log.info('UDP gets through to the relay again', { endpoint: this.#udpEndpoint });
    onNews('udp');
  }

  #beginAnew(): void {
    const nowMs = this.#deps.clock.now();
    this.#wantsFresh = true;
    this.#tunnel.expectAnswer(nowMs);
    this.#watch.reset(nowMs);
  }

  #noteFailure(reason: string): undefined {
    if (reason !== this.#lastFailure) this.#deps.log.warn('UDP does not get through to the relay, and TCP does not either', { reason });
    this.#lastFailure = reason;
  }
}
