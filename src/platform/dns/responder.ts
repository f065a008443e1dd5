import type { DnsName } from '../../domain/dns-name.js';
import type { Zone } from '../../domain/zone.js';
import { typeName, type Rcode } from './codes.js';
import { questionKey, questionName, questionOctets, readQuery, type Query } from './query.js';
import { composeAnswer, composeRefusal, type Transport } from './reply.js';
import { encodeAnswer, type WireAnswer } from './wire-answer.js';

/** What to do with a message. */
export type Reply =
  /** Nothing: it is no query. */
  | { readonly kind: 'ignore' }
  | { readonly kind: 'answer'; readonly message: Buffer; readonly source: 'zone' | 'cache' | 'refusal' }
  /** It asks for a name that is not ours; the caller refuses or forwards it. */
  | { readonly kind: 'outside'; readonly query: Query; readonly name: DnsName };

/** How a message came, and from whom. */
export interface Received {
  readonly transport: Transport;
  /** Whether the client may have names looked up that are not ours. */
  readonly recursion: boolean;
}

const CLASS_IN = 1;
const CLASS_ANY = 255;
const TYPE_OPT = 41;
const TYPE_ANY = 255;
/** TKEY to ANY ask for actions, not for records. @see RFC 6895 §3.1 */
const FIRST_META_TYPE = 249;
/** Zone transfers, RFC 5936 and RFC 1995. */
const TRANSFERS: ReadonlySet<number> = new Set([251, 252]);

/** Distinct questions kept; past it all are forgotten, which costs each one encoding. */
const MAX_CACHED_ANSWERS = 16_384;

/**
 * Answers messages from a zone.
 *
 * Encoded answers are kept until the zone changes. They are kept by the question's octets in lower case, and each answer
 * repeats the client's own spelling, since some clients check it (draft-vixie-dnsext-dns0x20).
 */
export class Responder {
  readonly #zone: Zone;
  readonly #answers = new Map<string, { readonly wire: WireAnswer; turn: number }>();
  #version: number;

  constructor(zone: Zone) {
    this.#zone = zone;
    this.#version = zone.version;
  }

  /** Answers one message; never throws, whatever it holds. */
  answer(bytes: Uint8Array, received: Received): Reply {
    const query = readQuery(bytes);
    if ('refusal' in query) {
      if (query.refusal === undefined) return { kind: 'ignore' };
      return refusal({ message: Buffer.from(bytes), ...query }, query.refusal);
    }
    const code = refusalOf(query);
    if (code !== undefined) return refusal(query, code);
    return this.#fromCache(query, received) ?? this.#fromZone(query, received);
  }

  #fromCache(query: Query, received: Received): Reply | undefined {
    if (this.#version !== this.#zone.version) {
      this.#answers.clear();
      this.#version = this.#zone.version;
    }
    // As sent first: nearly every client writes lower case.
    const known = this.#answers.get(questionOctets(query)) ?? this.#answers.get(questionKey(query));
    if (known === undefined) return undefined;
    return { kind: 'answer', source: 'cache', message: composeAnswer(query, known.wire, { ...received, turn: ++known.turn }) };
  }

  #fromZone(query: Query, received: Received): Reply {
    const name = questionName(query);
    const answer = this.#zone.lookup(name, typeName(query.type));
    if (answer === undefined) return { kind: 'outside', query, name };
    const wire = encodeAnswer(name, answer);
    if (this.#answers.size >= MAX_CACHED_ANSWERS) this.#answers.clear();
    this.#answers.set(questionKey(query), { wire, turn: 0 });
    return { kind: 'answer', source: 'zone', message: composeAnswer(query, wire, { ...received, turn: 0 }) };
  }
}

function refusal(query: Parameters<typeof composeRefusal>[0], code: Rcode): Reply {
  return { kind: 'answer', source: 'refusal', message: composeRefusal(query, code) };
}

function refusalOf({ type, class: klass }: Query): Rcode | undefined {
  if (type === TYPE_OPT) return 'FORMERR';
  if (TRANSFERS.has(type) || (klass !== CLASS_IN && klass !== CLASS_ANY)) return 'REFUSED';
  return type >= FIRST_META_TYPE && type < TYPE_ANY ? 'NOTIMP' : undefined;
}

