import { parseDnsName, type DnsName } from './dns-name.js';
import type { RecordData, RecordType } from './dns-record.js';
import { DomainError } from './errors.js';
import { formatIp4, formatIp6, parseIp4, parseIp6 } from './ip.js';

/** The types of record that somebody may add. A zone's SOA is its own affair. */
export const ADDABLE_TYPES = ['A', 'AAAA', 'CAA', 'CNAME', 'MX', 'NS', 'PTR', 'SRV', 'TXT'] as const satisfies readonly RecordType[];

/** One of {@link ADDABLE_TYPES}. */
export type AddableType = (typeof ADDABLE_TYPES)[number];

/** Octets of one character-string. @see RFC 1035 §3.3 */
const MAX_STRING = 255;
/** Characters of a record's text: room for a DKIM key, none for a file. */
const MAX_VALUE = 4096;

/** Whether `text` names a type that somebody may add. */
export function isAddableType(text: string): text is AddableType {
  return (ADDABLE_TYPES as readonly string[]).includes(text);
}

/**
 * Parses a record's data as a zone file has it: `10 mail.example.com`, `0 issue "ca.example"`, `1 10 8080 web.example.com`.
 *
 * Names are always complete; their final dot may be left out. TXT is either quoted strings or one text, which is cut into strings.
 *
 * @throws DomainError `invalid_argument`, with the rule that it breaks.
 * @see RFC 1035 §5.1
 */
export function parseRecordData(type: AddableType, value: string): RecordData {
  if (value.length > MAX_VALUE) throw malformed(type, `at most ${MAX_VALUE} characters`, value);
  switch (type) {
    case 'A':
      return { type, address: formatIp4(parseIp4(value, 'value')) };
    case 'AAAA':
      return { type, address: formatIp6(parseIp6(value, 'value')) };
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return { type, target: parseTarget(value) };
    case 'MX':
      return parseMx(value);
    case 'SRV':
      return parseSrv(value);
    case 'TXT':
      return { type, texts: parseTexts(value) };
    case 'CAA':
      return parseCaa(value);
  }
}

function parseMx(value: string): RecordData {
  const [preference, target] = fields(value, 2, 'MX', '"10 mail.example.com" (RFC 1035 §3.3.9)');
  const data = { type: 'MX' as const, preference: parseUint16(preference!, 'preference'), target: parseTarget(target!) };
  if (data.target === '' && data.preference !== 0) throw malformed('MX', 'preference 0 for "no mail here" (RFC 7505 §3)', value);
  return data;
}

function parseSrv(value: string): RecordData {
  const [priority, weight, port, target] = fields(value, 4, 'SRV', '"priority weight port target" (RFC 2782)');
  return {
    type: 'SRV',
    priority: parseUint16(priority!, 'priority'),
    weight: parseUint16(weight!, 'weight'),
    port: parseUint16(port!, 'port'),
    target: parseTarget(target!),
  };
}

function parseCaa(value: string): RecordData {
  const match = /^(0|128) (issue|issuewild|iodef) (?:"([\x21\x23-\x7e ]*)"|([\x21\x23-\x7e]+))$/.exec(value);
  if (match === null) throw malformed('CAA', '"0 issue ca.example" with flags 0 or 128 and tag issue, issuewild or iodef (RFC 8659 §4.1)', value);
  return { type: 'CAA', critical: match[1] === '128', tag: match[2] as 'issue' | 'issuewild' | 'iodef', value: match[3] ?? match[4] ?? '' };
}

function parseTexts(value: string): string[] {
  if (!value.startsWith('"')) return cut(value);
  if (!/^"([^"\\]|\\.)*"( +"([^"\\]|\\.)*")*$/.test(value)) throw malformed('TXT', 'closed quotes', value);
  const texts = [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1]!.replace(/\\(.)/g, '$1'));
  const long = texts.find((text) => utf8Length(text) > MAX_STRING);
  if (long !== undefined) throw malformed('TXT', 'strings of at most 255 octets (RFC 1035 §3.3)', long);
  return texts;
}

function cut(text: string): string[] {
  const texts = [''];
  for (const character of text) {
    if (utf8Length(texts.at(-1)! + character) > MAX_STRING) texts.push('');
    texts[texts.length - 1] += character;
  }
  return texts;
}

/** A name that other programs will ask for: plain characters only. */
function parseTarget(text: string): DnsName {
  const target = parseDnsName(text, 'target');
  if (!/^[a-z0-9_.*-]*$/.test(target)) throw malformed('target', 'letters, digits, hyphens and underscores (RFC 1123 §2.1)', text);
  return target;
}

function fields(value: string, count: number, type: string, wanted: string): string[] {
  const parts = value.split(/ +/);
  if (parts.length !== count || parts.includes('')) throw malformed(type, wanted, value);
  return parts;
}

function parseUint16(text: string, field: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw malformed(field, 'a number from 0 to 65535', text);
  return Number(text);
}

function malformed(field: string, wanted: string, got: string): DomainError {
  return new DomainError('invalid_argument', `${field}: want ${wanted}, got ${JSON.stringify(got.slice(0, 80))}`);
}

/** Octets of `text` in UTF-8. */
export function utf8Length(text: string): number {
  let octets = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    octets += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return octets;
}
