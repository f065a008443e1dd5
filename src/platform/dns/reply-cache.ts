/** An answer as it was sent, and the number of the type asked for. */
export interface KnownReply {
  readonly octets: Buffer;
  readonly type: number;
}

/** What {@link ReplyCache.find} gives for a query that it does not know. */
export const NOT_KNOWN = 0;

/** A query with one question and a plain OPT record is shorter; what is longer comes once. */
const MAX_QUERY_OCTETS = 160;
/** Past it all are forgotten, which costs each one composition. */
const MAX_REPLIES = 16_384;
/** What is longer costs little more to compose than to copy, and much to keep. */
const MAX_REPLY_OCTETS = 512;
const FIRST_SLOTS = 512;
const FIRST_OCTETS = 16_384;
/** Queries chosen to have one hash then cost no more than this many looks. */
const MAX_PROBES = 8;
/** In front of a query in the store: its length, the reply's in two octets, the type in two. */
const HEAD_OCTETS = 5;

/**
 * Whole answers by whole queries, id aside: most clients ask the same thing in the same octets, and an answer is then a copy
 * with another id. Only for answers that depend on nothing but the query.
 *
 * Query and reply lie side by side in one block of memory, found by a hash over the query. Maps of strings and buffers of their own would
 * cost a string for each query that comes, and a look at six places of memory instead of two.
 *
 * @typeParam T What is kept beside a reply.
 */
export class ReplyCache<T = undefined> {
  /** Hash and place in turn; place 0 is free. */
  #slots: Int32Array = new Int32Array(0);
  #store: Buffer = Buffer.alloc(0);
  readonly #beside = new Map<number, T>();
  #count = 0;
  /** Where the next one goes; not 0, which is no place. */
  #end = 1;

  /** The place of the answer that the same query got before, good until the next change; {@link NOT_KNOWN} if there is none. */
  find(query: Buffer): number {
    if (this.#count === 0 || query.length > MAX_QUERY_OCTETS) return NOT_KNOWN;
    const place = this.#slots[this.#slotOf(hashOf(query)) + 1]!;
    return place !== NOT_KNOWN && this.#holds(place, query) ? place : NOT_KNOWN;
  }

  /** The number of the type asked for. */
  typeAt(place: number): number {
    return (this.#store[place + 3]! << 8) | this.#store[place + 4]!;
  }

  /** The lower four bits of the response code. */
  codeAt(place: number): number {
    return this.#store[place + HEAD_OCTETS + this.#store[place]! + 3]! & 0x0f;
  }

  besideAt(place: number): T | undefined {
    return this.#beside.get(place);
  }

  /** The answer again, for a query that differs in its id alone. */
  repeat(place: number, query: Buffer): Buffer {
    const store = this.#store;
    const from = place + HEAD_OCTETS + store[place]!;
    const length = (store[place + 1]! << 8) | store[place + 2]!;
    const reply = Buffer.allocUnsafe(length);
    // Few octets: a loop is done before Buffer.copy() has looked at its arguments.
    for (let i = 2; i < length; i++) reply[i] = store[from + i]!;
    reply[0] = query[0]!;
    reply[1] = query[1]!;
    return reply;
  }

  /** Keeps a copy of `reply`'s octets, and `beside` if there is anything. */
  keep(query: Buffer, { octets, type }: KnownReply, beside?: T): void {
    if (query.length > MAX_QUERY_OCTETS || octets.length > MAX_REPLY_OCTETS) return;
    if (this.#count >= MAX_REPLIES) this.clear();
    this.#makeRoom(HEAD_OCTETS + query.length + octets.length);
    const hash = hashOf(query);
    const slot = this.#slotOf(hash);
    const place = this.#end;
    // What stood there is lost until all is forgotten; it counts as kept so that this comes to an end.
    this.#beside.delete(this.#slots[slot + 1]!);
    this.#slots[slot] = hash;
    this.#slots[slot + 1] = place;
    this.#write(query, octets, type);
    if (beside !== undefined) this.#beside.set(place, beside);
    this.#count++;
  }

  clear(): void {
    this.#slots.fill(0);
    this.#beside.clear();
    this.#count = 0;
    this.#end = 1;
  }

  /** The slot of this hash; else a free one near it, or the last of those looked at. Of two queries with one hash the later one is kept. */
  #slotOf(hash: number): number {
    const slots = this.#slots;
    const last = slots.length - 1;
    let slot = 0;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      slot = (2 * (hash + probe)) & last;
      if (slots[slot + 1] === 0 || slots[slot] === hash) return slot;
    }
    return slot;
  }

  #holds(place: number, query: Buffer): boolean {
    const store = this.#store;
    if (store[place] !== query.length) return false;
    const from = place + HEAD_OCTETS;
    for (let i = 2; i < query.length; i++) if (store[from + i] !== query[i]) return false;
    return true;
  }

  #write(query: Buffer, octets: Buffer, type: number): void {
    const store = this.#store;
    store[this.#end] = query.length;
    store.writeUInt16BE(octets.length, this.#end + 1);
    store.writeUInt16BE(type, this.#end + 3);
    store.set(query, this.#end + HEAD_OCTETS);
    store.set(octets, this.#end + HEAD_OCTETS + query.length);
    this.#end += HEAD_OCTETS + query.length + octets.length;
  }

  #makeRoom(octets: number): void {
    if (this.#end + octets > this.#store.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_OCTETS, 2 * this.#store.length));
      larger.set(this.#store);
      this.#store = larger;
    }
    // At most half of the slots are used, so that a free one is near.
    if (4 * this.#count >= this.#slots.length) this.#rehash(new Int32Array(Math.max(2 * FIRST_SLOTS, 2 * this.#slots.length)));
  }

  #rehash(slots: Int32Array): void {
    const before = this.#slots;
    this.#slots = slots;
    for (let i = 0; i < before.length; i += 2) {
      const place = before[i + 1]!;
      if (place === 0) continue;
      const slot = this.#slotOf(before[i]!);
      slots[slot] = before[i]!;
      slots[slot + 1] = place;
    }
  }
}

/** FNV-1a over all but the id, its upper bits mixed into the lower ones. */
function hashOf(query: Buffer): number {
  let hash = query.length;
  for (let i = 2; i < query.length; i++) hash = Math.imul(hash ^ query[i]!, 0x0100_0193);
  return (hash ^ (hash >>> 15)) | 0;
}
