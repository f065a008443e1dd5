import { randomBytes } from 'node:crypto';
import type { PeerState } from './device.js';

/** Seconds between the packets of a peer that nobody is; it is gone before the second. */
const KEEPALIVE_SECONDS = 25;

/**
 * Makes WireGuard send a packet from its own port to places where no peer is configured: what comes back from there then gets
 * through the NAT in front of this machine, and no peer's packets have to take that way to find out.
 *
 * WireGuard owns its port and sends to peers only, so each place becomes a peer for a moment, with a public key that nobody has
 * the private key of: it is sent a handshake initiation, which everybody drops unread.
 */
export class HoleOpener {
  readonly #strangers = new Set<string>();

  /** @returns What `wg set` must be told to send, and to take the strangers away when that has been done; one list per endpoint. */
  open(endpoints: readonly string[]): { readonly send: string[][]; readonly remove: string[][] } {
    const strangers = endpoints.map((endpoint) => ({ endpoint, key: randomBytes(32).toString('base64') }));
    for (const { key } of strangers) this.#strangers.add(key);
    return {
      send: strangers.map(({ endpoint, key }) => ['peer', key, 'endpoint', endpoint, 'persistent-keepalive', String(KEEPALIVE_SECONDS)]),
      remove: strangers.map(({ key }) => ['peer', key, 'remove']),
    };
  }

  /** @returns The real ones among peers. */
  withoutStrangers(peers: ReadonlyMap<string, PeerState>): ReadonlyMap<string, PeerState> {
    return this.#strangers.size === 0 ? peers : new Map([...peers].filter(([publicKey]) => !this.#strangers.has(publicKey)));
  }
}
