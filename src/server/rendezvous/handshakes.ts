import { LRUCache } from 'lru-cache';
import { addressBytes } from '../../platform/address-bytes.js';
import { CookieJar } from './cookie-jar.js';
import type { DropReason } from './counters.js';
import { ipAddress, type Send, type Source } from './datagram.js';
import type { RendezvousLimits } from './limits.js';
import type { Peer } from './peer.js';
import type { Responder } from '../../platform/wireguard/protocol/responder.js';
import type { RouteTable } from './route-table.js';
import { Session } from '../../platform/wireguard/protocol/session.js';
import { TokenBucket } from '../../platform/token-bucket.js';
import type { Tunnels } from './tunnels.js';

/** Cookies are asked for this long after the last sign of overload. */
const LOADED_FOR_MS = 1000;

/** Addresses whose rate is remembered; each has proved to be real. */
const ADDRESSES_REMEMBERED = 10_000;

/** What the handshakes work with. */
export interface HandshakesDeps {
  readonly responder: Responder;
  /** Finds a node by its raw static key. */
  peerOf(wgPublicKey: Buffer, nowMs: number): Peer | undefined;
  readonly routes: RouteTable;
  readonly tunnels: Tunnels;
  readonly limits: RendezvousLimits;
  readonly send: Send;
}

/** Answers initiations to the controller: who is known gets a session, who is not gets silence. */
export class Handshakes {
  readonly #deps: HandshakesDeps;
  readonly #jar: CookieJar;
  readonly #all: TokenBucket;
  readonly #byAddress = new LRUCache<string, TokenBucket>({ max: ADDRESSES_REMEMBERED });
  #loadedUntilMs = -Infinity;

  constructor(deps: HandshakesDeps, nowMs: number) {
    this.#deps = deps;
    this.#jar = new CookieJar(deps.responder.publicKey, nowMs);
    this.#all = new TokenBucket(deps.limits.handshakesPerSecond, nowMs);
  }

  /** Answers an initiation whose mac1 is the controller's. */
  initiation(message: Buffer, source: Source, nowMs: number): DropReason | undefined {
    const { responder, peerOf, routes, tunnels, send } = this.#deps;
    const refused = this.#refusal(message, source, nowMs);
    if (refused !== undefined) return refused;
    const initiation = responder.consume(message, (publicKey) => peerOf(publicKey, nowMs));
    if (initiation === 'forged') return 'handshake_forged';
    if (initiation === 'unknown') return 'peer_unknown';
    const { peer, timestamp } = initiation;
    if (source.nodeId !== undefined && source.nodeId !== peer.nodeId) return 'peer_foreign';
    if (timestamp.compare(peer.newestTimestamp) <= 0) return 'handshake_replayed';
    if (!peer.handshakes.take(1, nowMs)) return 'handshake_rate';
    peer.newestTimestamp = timestamp;
    const localIndex = routes.freeIndex();
    const answer = initiation.respond(localIndex);
    if (answer === undefined) return 'handshake_forged';
    tunnels.open(peer, new Session({ ...answer, localIndex, remoteIndex: initiation.senderIndex }, nowMs));
    send(answer.response, source.address, source.port);
    return undefined;
  }

  /** Under load only senders that prove their address are served, and each of them only so often. */
  #refusal(message: Buffer, source: Source, nowMs: number): DropReason | undefined {
    if (!this.#isLoaded(nowMs)) return undefined;
    if (!this.#jar.isProved(message, source, nowMs)) {
      this.#deps.send(this.#jar.replyTo(message, source, nowMs), source.address, source.port);
      return 'cookie_asked';
    }
    return this.#bucketOf(source, nowMs).take(1, nowMs) ? undefined : 'handshake_rate';
  }

  #isLoaded(nowMs: number): boolean {
    if (!this.#all.take(1, nowMs)) this.#loadedUntilMs = nowMs + LOADED_FOR_MS;
    return nowMs < this.#loadedUntilMs;
  }

  #bucketOf(source: Source, nowMs: number): TokenBucket {
    const key = siteOf(ipAddress(source.address));
    const known = this.#byAddress.get(key);
    if (known !== undefined) return known;
    const bucket = new TokenBucket(this.#deps.limits.handshakesPerSecondPerAddress, nowMs);
    this.#byAddress.set(key, bucket);
    return bucket;
  }
}

/** What one party is taken to own: an IPv4 address, or the first 64 bits of an IPv6 one. */
function siteOf(address: string): string {
  return addressBytes(address).subarray(0, 8).toString('hex');
}
