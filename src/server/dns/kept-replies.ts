import { ttlAt } from '../../platform/dns/foreign-answer.js';
import { isTruncated } from '../../platform/dns/forwarded.js';
import type { Query } from '../../platform/dns/query.js';
import type { Transport } from '../../platform/dns/reply.js';
import { repeatReply, ReplyCache, type KnownReply } from '../../platform/dns/reply-cache.js';
import type { KeptTimes, Resolved } from './resolver.js';

/** An answer from elsewhere as it was sent, and what changes in it while it grows older. */
interface AgingReply extends KnownReply, KeptTimes {
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
  readonly #replies = { udp: new ReplyCache<AgingReply>(), tcp: new ReplyCache<AgingReply>() } as const;

  /** The answer to the same query, with the number of the type asked for; undefined when it is to be looked up. */
  find(query: Buffer, transport: Transport, nowMs: number): { readonly message: Buffer; readonly type: number } | undefined {
    const known = this.#replies[transport].find(query);
    if (known === undefined || nowMs >= known.untilMs || nowMs < known.atMs) return undefined;
    const message = repeatReply(known, query);
    const ageSeconds = Math.floor((nowMs - known.atMs) / 1000);
    for (const [offset, seconds] of known.ttls) message.writeUInt32BE(Math.max(0, seconds - ageSeconds), offset);
    return { message, type: known.type };
  }

  /** Keeps what was sent, if it is from what {@link Resolved} keeps and whole. */
  keep({ message, type }: Query, transport: Transport, octets: Buffer, { answer, kept }: Resolved): void {
    if (kept === undefined || isTruncated(octets)) return;
    const ttls = answer.ttls.map((offset) => [offset, ttlAt(answer.message, offset)] as const);
    this.#replies[transport].keep(message, { octets, type, ttls, ...kept });
  }

  clear(): void {
    this.#replies.udp.clear();
    this.#replies.tcp.clear();
  }
}
