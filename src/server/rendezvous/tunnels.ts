import type { DropReason } from './counters.js';
import type { Send, Source } from './datagram.js';
import type { Directory } from './directory.js';
import type { Peer } from './peer.js';
import type { RouteTable } from './route-table.js';
import type { Session } from '../../platform/wireguard/protocol/session.js';
import { KEEPALIVE_AFTER_MS } from '../../platform/wireguard/protocol/wire.js';

/** What the tunnels work with and whom they tell. */
export interface TunnelsDeps {
  readonly directory: Directory;
  readonly routes: RouteTable;
  readonly send: Send;
  /** The node has used the session of its latest handshake, so both sides have the keys. */
  onHandshake(peer: Peer, nowMs: number): void;
  /** The node's authenticated source is another than before. */
  onSource(peer: Peer): void;
  /** An IP packet came through the tunnel, its padding still behind it. */
  onPacket(peer: Peer, packet: Buffer): void;
}

/**
 * The controller's own sessions with nodes.
 *
 * It only ever responds to handshakes, so a new session waits as `next` until the node has used it: until then the
 * node might not have got the response.
 *
 * @see whitepaper §6.3
 */
export class Tunnels {
  readonly #deps: TunnelsDeps;

  constructor(deps: TunnelsDeps) {
    this.#deps = deps;
  }

  /** Takes up the session of a handshake that has just been answered. */
  open(peer: Peer, session: Session): void {
    this.#close(peer.next);
    peer.next = session;
    this.#deps.routes.addSession(peer, session);
  }

  /** Opens a transport message; answers why it cannot. */
  receive(peer: Peer, session: Session, message: Buffer, source: Source, nowMs: number): DropReason | undefined {
    if (source.nodeId !== undefined && source.nodeId !== peer.nodeId) return 'peer_foreign';
    const packet = session.open(message, nowMs);
    if (typeof packet === 'string') return packet;
    if (this.#deps.directory.learnSource(peer, source)) this.#deps.onSource(peer);
    if (session === peer.next) this.#confirm(peer, nowMs);
    if (packet.length === 0) {
      // A node counts the bytes it receives; an answered keepalive tells it that this relay is alive.
      this.send(peer, undefined, nowMs);
      return undefined;
    }
    if (peer.keepaliveDueMs === 0) peer.keepaliveDueMs = nowMs + KEEPALIVE_AFTER_MS;
    this.#deps.onPacket(peer, packet);
    return undefined;
  }

  /**
   * Sends an IP packet, or a keepalive without one; loses it while there is no session to send with.
   *
   * @param to Where to, unless to where the node is known to be.
   */
  send(peer: Peer, packet: Buffer | undefined, nowMs: number, to: Source = peer): void {
    const session = peer.current;
    if (session === undefined || session.isExpired(nowMs) || !peer.isReachable) return;
    peer.keepaliveDueMs = 0;
    this.#deps.send(session.seal(packet), to.address, to.port);
  }

  /** Ends all sessions with `peer`. */
  close(peer: Peer): void {
    for (const session of [peer.previous, peer.current, peer.next]) this.#close(session);
    peer.previous = peer.current = peer.next = undefined;
    this.#deps.directory.forgetSource(peer);
  }

  /** Sends owed keepalives and ends sessions that are too old. */
  sweep(nowMs: number): void {
    for (const peer of this.#deps.directory.peers()) {
      if (peer.keepaliveDueMs !== 0 && nowMs >= peer.keepaliveDueMs) this.send(peer, undefined, nowMs);
      peer.previous = this.#keep(peer.previous, nowMs);
      peer.current = this.#keep(peer.current, nowMs);
      peer.next = this.#keep(peer.next, nowMs);
      // Without a session nothing vouches for the address any more; behind a NAT it may be another's by now.
      if (peer.isReachable && peer.current === undefined && peer.next === undefined) this.#deps.directory.forgetSource(peer);
    }
  }

  #confirm(peer: Peer, nowMs: number): void {
    this.#close(peer.previous);
    peer.previous = peer.current;
    peer.current = peer.next;
    peer.next = undefined;
    peer.lastHandshakeMs = nowMs;
    this.#deps.onHandshake(peer, nowMs);
  }

  #keep(session: Session | undefined, nowMs: number): Session | undefined {
    if (session === undefined || !session.isExpired(nowMs)) return session;
    this.#close(session);
    return undefined;
  }

  #close(session: Session | undefined): void {
    if (session !== undefined) this.#deps.routes.removeSession(session);
  }
}
