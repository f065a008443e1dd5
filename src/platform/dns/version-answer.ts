import type { DnsName } from '../../domain/dns-name.js';
import { RCODES, typeCode } from './codes.js';
import { questionName, type Query } from './query.js';
import { encodeRdata } from './rdata.js';
import { TO_QUESTION, type WireAnswer } from './wire-answer.js';

/** The class in which name servers are asked about themselves. @see RFC 1035 §3.2.4 */
const CLASS_CHAOS = 3;
/** The name that all ask for, and the one that belongs to no vendor. @see RFC 4892 §2 */
const NAMES: ReadonlySet<DnsName> = new Set(['version.bind', 'version.server'] as DnsName[]);

/** Whether a query asks for the version of the name server. */
export function asksVersion(query: Query): boolean {
  return query.class === CLASS_CHAOS && query.type === typeCode('TXT') && NAMES.has(questionName(query));
}

/** The answer to such a query: one TXT record that nobody keeps, as its TTL is 0. */
export function versionAnswer(version: string): WireAnswer {
  const fixed = Buffer.alloc(8);
  fixed.writeUInt16BE(typeCode('TXT'), 0);
  fixed.writeUInt16BE(CLASS_CHAOS, 2);
  const sections = Buffer.concat([TO_QUESTION, fixed, encodeRdata({ type: 'TXT', texts: [version] })]);
  return { rcode: RCODES.NOERROR, sections, answerCount: 1, authorityCount: 0, additionalCount: 0, additionalStart: sections.length, turns: [] };
}
