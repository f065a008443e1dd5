import { decode, encode, type Answer, type DecodedPacket } from 'dns-packet';
import { parseDnsName, type DnsName } from '../../domain/dns-name.js';
import { DomainError } from '../../domain/errors.js';
import { reverseZones } from '../../domain/reverse-zone.js';
import type { Clock } from '../../platform/clock.js';
import { dsRecord } from '../../platform/dns/dnssec/signing-key.js';
import { encodeName } from '../../platform/dns/wire-name.js';
import type { Caller } from '../auth/caller.js';
import { networkOf, planOf } from '../services/address-pools.js';
import { auditOperation } from '../services/audit.js';
import type { Repository } from '../store/local-view.js';
import { ANSWER_SOURCES, type AnswerSource } from '../../platform/dns/answer-source.js';
import { describeData } from './describe-data.js';
import type { SigningKeyRing } from './signing-key-ring.js';
import type { Dns } from './start-dns.js';

/** What admins see of DNS. */
export interface DnsStatus {
  readonly zones: string[];
  readonly signed: boolean;
  readonly keys: { readonly tag: number; readonly state: string; readonly sinceMs: number; readonly ds: string[] }[];
  /** 0 when no key is retiring. */
  readonly retireAfterMs: number;
  readonly logQueries: boolean;
  readonly names: number;
  readonly serial: number;
  readonly sources: { readonly source: string; readonly answers: number }[];
}

/** A question, in words. */
export interface Question {
  readonly name: string;
  /** `A` when empty. */
  readonly type: string;
  /** The network in which it is asked; empty for this machine. */
  readonly network: string;
  readonly dnssec: boolean;
}

/** An answer, in words, and the way it took. */
export interface Explained {
  readonly code: string;
  readonly source: AnswerSource;
  readonly answers: AnswerLine[];
  readonly authorities: AnswerLine[];
  readonly additionals: AnswerLine[];
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly octets: number;
  readonly micros: number;
}

/** One record of an answer. */
interface AnswerLine {
  readonly name: string;
  readonly ttlSeconds: number;
  readonly type: string;
  readonly data: string;
}

/** What {@link DnsControl} works with. */
interface Deps {
  readonly dns: Dns;
  /** Undefined when the zones are not signed. */
  readonly ring: SigningKeyRing | undefined;
  readonly repository: Repository;
  readonly zone: string;
  readonly clock: Clock;
  readonly logQueries: boolean;
}

/** What admins may ask of DNS and tell it while it runs. */
export class DnsControl {
  readonly #deps: Deps;
  #logsQueries: boolean;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#logsQueries = deps.logQueries;
  }

  status(): DnsStatus {
    const { dns, ring } = this.#deps;
    const { names, serial, sources } = dns.stats();
    const zones = this.#zones();
    return {
      zones,
      signed: ring !== undefined,
      keys: (ring?.keys ?? []).map(({ key, state, sinceMs }) => ({ tag: key.tag, state, sinceMs, ds: zones.map((zone) => dsRecord(zone, key)) })),
      retireAfterMs: ring?.retireAfterMs ?? 0,
      logQueries: this.#logsQueries,
      names,
      serial,
      sources: ANSWER_SOURCES.map((source) => ({ source, answers: sources[source] })),
    };
  }

  /** Asks what a client would. @throws DomainError `invalid_argument`, `network_unknown`. */
  async query(question: Question): Promise<Explained> {
    const message = encodeQuestion(parseDnsName(question.name), question.type || 'A', question.dnssec);
    const address = question.network === '' ? '127.0.0.1' : this.#addressIn(question.network);
    const start = performance.now();
    // As over TCP, so that a long answer is seen whole.
    const asked = await this.#deps.dns.ask(message, { via: 'tcp', address });
    const micros = Math.round((performance.now() - start) * 1000);
    if (asked === undefined) throw new DomainError('unavailable', 'the name server gave no answer; it may be stopping');
    return { ...describe(Buffer.from(asked.answer)), source: asked.source, micros };
  }

  /** Begins a change of keys. @throws DomainError `dns_key_not_ready`. */
  async rollKey(caller: Caller): Promise<DnsStatus> {
    await this.#ring().roll();
    return this.#keysChanged('RollDnsKey', caller);
  }

  /** Ends a change of keys. @throws DomainError `dns_key_not_ready`. */
  async retireKey(compromised: boolean, caller: Caller): Promise<DnsStatus> {
    await this.#ring().retire(compromised);
    return this.#keysChanged('RetireDnsKey', caller);
  }

  /** Logs every query from now on, or none. */
  async logQueries(on: boolean, caller: Caller): Promise<boolean> {
    await this.#audit('LogDnsQueries', on ? 'dns/query log on' : 'dns/query log off', caller);
    this.#deps.dns.logQueries(on);
    this.#logsQueries = on;
    return on;
  }

  #ring(): SigningKeyRing {
    if (this.#deps.ring === undefined) throw new DomainError('dns_key_not_ready', 'DNSSEC key: the zones are not signed; set dns.sign in server.yml');
    return this.#deps.ring;
  }

  async #keysChanged(method: string, caller: Caller): Promise<DnsStatus> {
    const ring = this.#ring();
    this.#deps.dns.setSigningKeys(ring.pems);
    await this.#audit(method, `dns/key ${ring.keys.map(({ key }) => key.tag).join(' ')}`, caller);
    return this.status();
  }

  async #audit(method: string, object: string, caller: Caller): Promise<void> {
    await this.#deps.repository.update(() => ({ if: [], then: [auditOperation(caller, { object, method }, this.#deps.clock.now())], result: undefined }));
  }

  #zones(): string[] {
    const reverse = this.#deps.repository.view.networks().flatMap(({ value }) => reverseZones(value.cidr, value.cidr6));
    return [...new Set([this.#deps.zone, ...reverse])];
  }

  #addressIn(network: string): string {
    const plan = planOf(networkOf(this.#deps.repository.view, network));
    return plan.addressesOf(plan.controllerHost).bindIp;
  }
}

/** The query of a stub, with or without the wish for signatures. */
function encodeQuestion(name: DnsName, type: string, dnssec: boolean): Buffer {
  const number = typeNumber(type.toUpperCase());
  if (number === 0) throw new DomainError('invalid_argument', `type: want a type of record like A, SRV or TYPE65, got ${JSON.stringify(type.slice(0, 40))}`);
  const header = [0, 0, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 1];
  const opt = [0, 0, 41, 0x04, 0xd0, 0, 0, dnssec ? 0x80 : 0, 0, 0, 0];
  return Buffer.concat([Buffer.from(header), encodeName(name), Buffer.from([number >> 8, number & 0xff, 0, 1]), Buffer.from(opt)]);
}

/** @see RFC 3597 §5 for `TYPE65` */
function typeNumber(type: string): number {
  const generic = /^TYPE(\d{1,5})$/.exec(type);
  if (generic !== null) return Number(generic[1]) & 0xffff;
  return encode({ type: 'query', questions: [{ type: type as 'A', name: '.' }] }).readUInt16BE(13);
}

function describe(message: Buffer): Omit<Explained, 'source' | 'micros'> {
  const packet = decode(message) as DecodedPacket & { readonly rcode: string };
  return {
    code: packet.rcode,
    answers: linesOf(packet.answers),
    authorities: linesOf(packet.authorities),
    additionals: linesOf(packet.additionals),
    authoritative: packet.flag_aa,
    truncated: packet.flag_tc,
    octets: message.length,
  };
}

function linesOf(records: readonly Answer[] = []): AnswerLine[] {
  return records.filter(({ type }) => type !== 'OPT').map((record) => ({
    name: record.name,
    ttlSeconds: 'ttl' in record ? (record.ttl ?? 0) : 0,
    type: record.type,
    data: describeData(record),
  }));
}
