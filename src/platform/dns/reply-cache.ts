/** An answer as it was sent, and the number of the type asked for. */
export interface KnownReply {
  readonly octets: Buffer;
  readonly type: number;
}

/** A query with one question and a plain OPT record is shorter; what is longer comes once. */
const MAX_QUERY_OCTETS = 160;
/** Past it all are forgotten, which costs each one composition. */
const MAX_REPLIES = 16_384;
/** What is longer costs little more to compose than to copy, and much to keep. */
const MAX_REPLY_OCTETS = 512;

/**
 * Whole answers by whole queries, id aside: most clients ask the same thing in the same octets, and an answer is then a copy
 * with another id. Only for answers that depend on nothing but the query.
 */
export class ReplyCache<T extends KnownReply = KnownReply> {
  readonly #replies = new Map<string, T>();

  /** The answer that the same query got before. */
  find(query: Buffer): T | undefined {
    return query.length > MAX_QUERY_OCTETS ? undefined : this.#replies.get(query.toString('latin1', 2));
  }

  /** Keeps a copy of `reply`'s octets. */
  keep(query: Buffer, reply: T): void {
    if (query.length > MAX_QUERY_OCTETS || reply.octets.length > MAX_REPLY_OCTETS) return;
    if (this.#replies.size >= MAX_REPLIES) this.#replies.clear();
    this.#replies.set(query.toString('latin1', 2), { ...reply, octets: ownCopy(reply.octets) });
  }

  clear(): void {
    this.#replies.clear();
  }
}

/** The answer again, for a query that differs in its id alone. */
export function repeatReply({ octets }: KnownReply, query: Buffer): Buffer {
  const reply = Buffer.allocUnsafe(octets.length);
  reply.set(octets);
  reply[0] = query[0]!;
  reply[1] = query[1]!;
  return reply;
}

/** Outside of the pool that short-lived buffers share: a kept part of it keeps all of it. */
function ownCopy(octets: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(octets.length);
  copy.set(octets);
  return copy;
}
