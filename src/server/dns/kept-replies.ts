import { ttlAt } from '../../platform/dns/foreign-answer.js';
import { isTruncated } from '../../platform/dns/forwarded.js';
import type { Query } from '../../platform/dns/query.js';
import type { Transport } from '../../platform/dns/reply.js';
import { NOT_KNOWN, ReplyCache } from '../../platform/dns/reply-cache.js';
import type { KeptTimes, Resolved } from './resolver.js';

/** What changes in an answer from elsewhere while it grows older. */
interface Aging extends KeptTimes {
  /** Where each TTL stands, and what it was when the answer came, seconds. */
  readonly ttls: readonly (readonly [offset: number, seconds: number])[];
}

/**
 * Answers from elsewhere by whole queries, id aside: a query that comes again in the same octets gets the same answer under its own id,
 * TTLs counted down, without being read.
 *
 * Only for clients that may have names looked up, and only until the zone gets other names of its own.
 */
export class KeptReplies {
  readonly #replies = { udp: new ReplyCache<Aging>(), tcp: new ReplyCache<Aging>() } as const;

  /** The answer to the same query, with the number of the type asked for; undefined when it is to be looked up. */
  find(query: Buffer, transport: Transport, nowMs: number): { readonly message: Buffer; readonly type: number } | undefined {
    const replies = this.#replies[transport];
    const place = replies.find(query);
    const aging = place === NOT_KNOWN ? undefined : replies.besideAt(place);
    if (aging === undefined || nowMs >= aging.untilMs || nowMs < aging.atMs) return undefined;
    const message = replies.repeat(place, query);
    const ageSeconds = Math.floor((nowMs - aging.atMs) / 1000);
    for (const [offset, seconds] of aging.ttls) message.writeUInt32BE(Math.max(0, seconds - ageSeconds), offset);
    return { message, type: replies.typeAt(place) };
  }

  /** Keeps what was sent, if it is from what {@link Resolved} keeps and whole. */
  keep({ message, type }: Query, transport: Transport, octets: Buffer, { answer, kept }: Resolved): void {
    if (kept === undefined || isTruncated(octets)) return;
    const ttls = answer.ttls.map((offset) => [offset, ttlAt(answer.message, offset)] as const);
    this.#replies[transport].keep(message, { octets, type }, { ttls, ...kept });
  }

  clear(): void {
    this.#replies.udp.clear();
    this.#replies.tcp.clear();
  }
}
