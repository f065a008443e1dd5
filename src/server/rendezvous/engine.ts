import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { Counters } from './counters.js';
import { formatEndpoint, isTcp, type Send, type Source } from './datagram.js';
import { Directory } from './directory.js';
import { Dispatch } from './dispatch.js';
import { Handshakes } from './handshakes.js';
import type { RendezvousLimits } from './limits.js';
import { Membership } from './membership.js';
import { DNS_ANSWER_LIMIT, OverlayAddress } from './overlay-address.js';
import { PathCheck } from './path-check.js';
import type { Peer } from './peer.js';
import { Relay } from './relay.js';
import type { FindPeer, RendezvousEvents, RendezvousStats } from './rendezvous.js';
import type { Responder } from '../../platform/wireguard/protocol/responder.js';
import { RouteTable } from './route-table.js';
import { Tunnels } from './tunnels.js';

/** What the engine works with. */
export interface EngineDeps {
  readonly responder: Responder;
  readonly send: Send;
  readonly events: RendezvousEvents;
  readonly findPeer: FindPeer;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: RendezvousLimits;
}

/** The rendezvous without its sockets: messages and their sources in, messages and events out. */
export class Engine {
  readonly membership: Membership;
  readonly directory = new Directory();
  readonly counters = new Counters();
  readonly #deps: EngineDeps;
  readonly #tunnels: Tunnels;
  readonly #relay: Relay;
  readonly #dispatch: Dispatch;

  constructor(deps: EngineDeps) {
    this.#deps = deps;
    const { responder, send, findPeer, clock, limits } = deps;
    const { directory, counters } = this;
    const routes = new RouteTable();
    const overlay = new OverlayAddress({
      pendingQueriesPerPeer: limits.pendingQueriesPerPeer,
      send: (peer, packet) => this.#tunnels.send(peer, packet, clock.now()),
      ask: (peer, query, address) => this.#ask(peer, query, address),
      drop: (reason) => counters.drop(reason),
    });
    const tunnels = new Tunnels({
      directory,
      routes,
      send,
      onHandshake: (peer, nowMs) => this.#onHandshake(peer, nowMs),
      onSource: (peer) => this.#onSource(peer),
      onPacket: (peer, packet) => overlay.receive(peer, packet),
    });
    const relay = new Relay({ directory, routes, counters, limits, send }, clock.now());
    const membership = new Membership({ responder, directory, tunnels, relay, limits, findPeer });
    const peerOf = (wgPublicKey: Buffer, nowMs: number): Peer | undefined => membership.peerOf(wgPublicKey, nowMs);
    const handshakes = new Handshakes({ responder, peerOf, routes, tunnels, limits, send }, clock.now());
    this.membership = membership;
    this.#dispatch = new Dispatch({ responder, handshakes, tunnels, relay, pathCheck: new PathCheck(tunnels), routes, counters });
    this.#tunnels = tunnels;
    this.#relay = relay;
  }

  /** Takes any bytes from anybody. A bug in here must not let a stranger end the server, so it ends the datagram only. */
  receive(message: Buffer, source: Source): void {
    try {
      this.#dispatch.receive(message, source, this.#deps.clock.now());
    } catch (error) {
      this.#deps.log.error('rendezvous failed on a datagram', { error, source: formatEndpoint(source), bytes: message.length });
    }
  }

  /** Nobody can be reached at `source` any more. */
  forget(source: Source): void {
    const peer = this.directory.bySource(source);
    if (peer !== undefined) this.directory.forgetSource(peer);
  }

  /** Does what time brings; to be called about every second. */
  sweep(): void {
    const nowMs = this.#deps.clock.now();
    this.#tunnels.sweep(nowMs);
    this.#relay.sweep(nowMs);
  }

  stats(): Omit<RendezvousStats, 'tcpConnections' | 'tcpDroppedPackets'> {
    const { handshakes, relayedPackets, relayedBytes, dropped } = this.counters;
    const droppedPackets = Object.values(dropped).reduce((sum, count) => sum + count, 0);
    return { handshakes, relayedPackets, relayedBytes, droppedPackets, droppedByReason: { ...dropped }, relayedPairs: this.#relay.pairCount };
  }

  /** The other end of a TCP connection is no place where anybody could send a packet. */
  #onSource(peer: Peer): void {
    if (!isTcp(peer.address)) this.#deps.events.onEndpoint(peer.nodeId, formatEndpoint(peer));
  }

  #onHandshake(peer: Peer, nowMs: number): void {
    this.counters.handshakes++;
    this.#deps.events.onHandshake(peer.nodeId, nowMs);
  }

  async #ask(peer: Peer, query: Uint8Array, address: string): Promise<Uint8Array | undefined> {
    const from = { nodeId: peer.nodeId, network: peer.network.name, address, maxAnswerBytes: DNS_ANSWER_LIMIT };
    try {
      const answer = await this.#deps.events.onDnsQuery(query, from);
      if (answer === undefined || answer.length <= DNS_ANSWER_LIMIT) return answer;
      this.#deps.log.error('DNS answer too long for the tunnel', { nodeId: peer.nodeId, bytes: answer.length });
    } catch (error) {
      this.#deps.log.error('DNS query through the tunnel failed', { nodeId: peer.nodeId, error });
    }
    return undefined;
  }
}
