import type { DnsName } from '../../domain/dns-name.js';
import type { Zone } from '../../domain/zone.js';
import { RCODES, typeName, type Rcode } from './codes.js';
import { TYPE_DNSKEY, type Signer } from './dnssec/signer.js';
import { questionKey, questionName, questionOctets, readQuery, type Query } from './query.js';
import { composeAnswer, composeRefusal, type Transport } from './reply.js';
import { NOT_KNOWN, ReplyCache } from './reply-cache.js';
import { asksVersion, versionAnswer } from './version-answer.js';
import { encodeSections, joinSections, type WireAnswer, type WireSections } from './wire-answer.js';

/** What to do with a message. */
export type Reply =
  /** Nothing: it is no query. */
  | { readonly kind: 'ignore' }
  /** `type` is that of the question, 0 if it could not be read. */
  | { readonly kind: 'answer'; readonly message: Buffer; readonly source: 'zone' | 'cache' | 'refusal'; readonly type: number }
  /** It asks for a name that is not ours; the caller refuses or forwards it. */
  | { readonly kind: 'outside'; readonly query: Query; readonly name: DnsName };

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
 * repeats the client's own spelling, since some clients check it (draft-vixie-dnsext-dns0x20). A query that came before in the same octets
 * gets the same octets again.
 */
export class Responder {
  readonly #zone: Zone;
  readonly #versionAnswer: WireAnswer | undefined;
  readonly #answers = new Map<string, { readonly wire: WireAnswer; turn: number }>();
  /** By transport, and by whether other names may be looked up: both show in an answer. */
  readonly #replies = { udp: [new ReplyCache(), new ReplyCache()], tcp: [new ReplyCache(), new ReplyCache()] } as const;
  #signer: Signer | undefined;
  #version = -1;
  #day = 0;

  /** @param version What is said to whoever asks for our version; they are refused when it is left out. */
  constructor(zone: Zone, version?: string) {
    this.#zone = zone;
    this.#versionAnswer = version === undefined ? undefined : versionAnswer(version);
  }

  /** Signs answers from now on for clients that want it. */
  signWith(signer: Signer | undefined): void {
    this.#signer = signer;
    this.#forget();
  }

  /**
   * Answers one message; never throws, whatever it holds.
   *
   * @param recursion Whether the client may have names looked up that are not ours.
   */
  answer(bytes: Uint8Array, transport: Transport, recursion: boolean): Reply {
    const message = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const replies = this.repliesTo(transport, recursion);
    const before = replies.find(message);
    if (before !== NOT_KNOWN) return { kind: 'answer', source: 'cache', type: replies.typeAt(before), message: replies.repeat(before, message) };
    return this.#compose(message, transport, recursion, replies);
  }

  /** What {@link answer} said lately and would say again: for who makes nothing of it but the answer. Good until the next change. */
  repliesTo(transport: Transport, recursion: boolean): ReplyCache {
    this.#forgetOutdated();
    return this.#replies[transport][recursion ? 1 : 0];
  }

  #compose(message: Buffer, transport: Transport, recursion: boolean, replies: ReplyCache): Reply {
    const query = readQuery(message);
    if ('refusal' in query) {
      if (query.refusal === undefined) return { kind: 'ignore' };
      return refusal({ message, ...query }, query.refusal);
    }
    const code = refusalOf(query);
    if (code === 'REFUSED' && this.#versionAnswer !== undefined && asksVersion(query)) {
      return { kind: 'answer', source: 'zone', type: query.type, message: composeAnswer(query, this.#versionAnswer, transport, recursion, 0) };
    }
    if (code !== undefined) return refusal(query, code, query.type);
    const known = this.#known(query);
    if (known === undefined) return this.#fromZone(query, transport, recursion);
    const octets = composeAnswer(query, known.wire, transport, recursion, ++known.turn);
    // Records that take turns make every answer another one.
    if (known.wire.turns.length === 0) replies.keep(message, { octets, type: query.type });
    return { kind: 'answer', source: 'cache', type: query.type, message: octets };
  }

  #known(query: Query): { readonly wire: WireAnswer; turn: number } | undefined {
    const variant = this.#variantOf(query);
    // As sent first: nearly every client writes lower case.
    return this.#answers.get(variant + questionOctets(query)) ?? this.#answers.get(variant + questionKey(query));
  }

  #forgetOutdated(): void {
    const day = this.#signer?.day ?? 0;
    if (this.#version !== this.#zone.version || this.#day !== day) this.#forget();
    this.#version = this.#zone.version;
    this.#day = day;
  }

  #forget(): void {
    this.#answers.clear();
    for (const replies of [...this.#replies.udp, ...this.#replies.tcp]) replies.clear();
  }

  #fromZone(query: Query, transport: Transport, recursion: boolean): Reply {
    const name = questionName(query);
    const sections = this.#sectionsFor(query, name);
    if (sections === undefined) return { kind: 'outside', query, name };
    const wire = joinSections(name, sections);
    if (this.#answers.size >= MAX_CACHED_ANSWERS) this.#answers.clear();
    this.#answers.set(this.#variantOf(query) + questionKey(query), { wire, turn: 0 });
    return { kind: 'answer', source: 'zone', type: query.type, message: composeAnswer(query, wire, transport, recursion, 0) };
  }

  /** Without keys everybody gets the same answer. */
  #variantOf({ edns }: Query): '' | 'signed ' | 'compact ' {
    if (this.#signer === undefined || edns?.dnssecOk !== true) return '';
    return edns.compactOk ? 'compact ' : 'signed ';
  }

  #sectionsFor(query: Query, name: DnsName): WireSections | undefined {
    const answer = this.#zone.lookup(name, typeName(query.type));
    if (answer === undefined || this.#signer === undefined) return answer && encodeSections(answer);
    const isKeys = query.type === TYPE_DNSKEY && this.#zone.apexOf(name) === name;
    const sections = isKeys ? { rcode: RCODES.NOERROR, answers: this.#signer.dnskeys(name), authority: [], additional: [] } : encodeSections(answer);
    const variant = this.#variantOf(query);
    return variant === '' ? sections : this.#signer.sign(sections, isKeys ? undefined : answer.denied, (at) => this.#zone.apexOf(at), variant === 'compact ');
  }
}

function refusal(query: Parameters<typeof composeRefusal>[0], code: Rcode, type = 0): Reply {
  return { kind: 'answer', source: 'refusal', type, message: composeRefusal(query, code) };
}

function refusalOf({ type, class: klass }: Query): Rcode | undefined {
  if (type === TYPE_OPT) return 'FORMERR';
  if (TRANSFERS.has(type) || (klass !== CLASS_IN && klass !== CLASS_ANY)) return 'REFUSED';
  return type >= FIRST_META_TYPE && type < TYPE_ANY ? 'NOTIMP' : undefined;
}
