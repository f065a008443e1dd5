import type { Peer } from './peer.js';
import type { Route } from './route-table.js';
import { TokenBucket } from '../../platform/token-bucket.js';

/** Two nodes that talk through the relay. */
export class RelayPair {
  /** Oldest first. */
  routes: Route[] = [];
  readonly bytes: TokenBucket;
  /** Until when no new handshake is to be expected, UTC ms. */
  restsUntilMs = 0;

  constructor(
    readonly a: Peer,
    readonly b: Peer,
    bytesPerSecond: number,
    nowMs: number,
  ) {
    this.bytes = new TokenBucket(bytesPerSecond, nowMs);
  }
}
