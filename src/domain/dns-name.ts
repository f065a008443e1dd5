import { DomainError } from './errors.js';
import { parseIp4, parseIp6, type Ip4, type Ip6 } from './ip.js';

/**
 * A domain name as we compare it: lower case, no final dot, '' for the root.
 *
 * Every octet of a label outside the printable ASCII range, and the dot and the backslash, stands as `\DDD`. So a dot in
 * this text always separates labels, whatever came over the wire.
 *
 * @see RFC 1035 §5.1 for the escape, RFC 4343 for comparison without case
 */
export type DnsName = string & { readonly __brand: 'DnsName' };

/** Octets of a name on the wire, length octets and root included. @see RFC 1035 §2.3.4 */
export const MAX_NAME_OCTETS = 255;

/** Octets of one label. @see RFC 1035 §2.3.4 */
export const MAX_LABEL_OCTETS = 63;

/** What most names look like, already as we compare them. */
const PLAIN_NAME = /^(?!.{254})[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;

/**
 * Parses presentation format: labels between dots, `\.` and `\DDD` escapes, a final dot allowed.
 *
 * @throws DomainError `invalid_argument` for an empty label, a broken escape, a label over 63 or a name over 255 octets.
 */
export function parseDnsName(text: string, field = 'name'): DnsName {
  if (PLAIN_NAME.test(text)) return text as DnsName;
  if (text === '' || text === '.') return '' as DnsName;
  const labels = splitText(text.endsWith('.') && !/\\(\\\\)*\.$/.test(text) ? text.slice(0, -1) : text, field);
  const name = nameOfLabels(labels);
  if (name === undefined) throw malformed(field, text, 'labels of 1 to 63 octets and at most 255 octets in all');
  return name;
}

/**
 * The name with these labels, each a row of octets, most specific first.
 *
 * @returns undefined when a label or the whole is empty or too long.
 */
export function nameOfLabels(labels: readonly (readonly number[] | Uint8Array)[]): DnsName | undefined {
  let octets = 1;
  for (const label of labels) {
    if (label.length === 0 || label.length > MAX_LABEL_OCTETS) return undefined;
    octets += label.length + 1;
  }
  if (octets > MAX_NAME_OCTETS) return undefined;
  return labels.map(labelText).join('.') as DnsName;
}

/** The labels of a name, most specific first; none for the root. */
export function labelsOf(name: DnsName): string[] {
  return name === '' ? [] : name.split('.');
}

/** The octets that a label of a {@link DnsName} stands for. */
export function labelOctets(label: string): number[] {
  const octets: number[] = [];
  for (let i = 0; i < label.length; i++) {
    if (label[i] !== '\\') octets.push(label.charCodeAt(i));
    else {
      octets.push(Number(label.slice(i + 1, i + 4)));
      i += 3;
    }
  }
  return octets;
}

/** The name without its first label; undefined above the root. */
export function parentOf(name: DnsName): DnsName | undefined {
  if (name === '') return undefined;
  const dot = name.indexOf('.');
  return (dot < 0 ? '' : name.slice(dot + 1)) as DnsName;
}

/** Whether `name` is `ancestor` or lies below it. */
export function isWithin(name: DnsName, ancestor: DnsName): boolean {
  return ancestor === '' || name === ancestor || name.endsWith(`.${ancestor}`);
}

/**
 * `labels` put in front of `name`.
 *
 * @param labels Dots separate labels, `web.default`.
 * @throws DomainError `invalid_argument` when the result is no name.
 */
export function under(labels: string, name: DnsName): DnsName {
  return parseDnsName(name === '' ? labels : `${labels}.${name}`);
}

/** Orders names as DNSSEC does: by label from the right, octet by octet. @see RFC 4034 §6.1 */
export function compareDnsNames(a: DnsName, b: DnsName): number {
  const left = labelsOf(a).reverse();
  const right = labelsOf(b).reverse();
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = compareOctets(labelOctets(left[i]!), labelOctets(right[i]!));
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/**
 * The name under which an address is looked up backwards.
 *
 * @throws DomainError `invalid_argument` for text that is no address.
 * @see RFC 1035 §3.5, RFC 3596 §2.5
 */
export function reverseName(address: string): DnsName {
  return address.includes(':') ? reverseName6(parseIp6(address), 32) : reverseName4(parseIp4(address), 4);
}

/** `ip` under in-addr.arpa, its first `octets` octets only. */
export function reverseName4(ip: Ip4, octets: number): DnsName {
  const [a, b, c, d] = [ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255];
  if (octets === 4) return `${d}.${c}.${b}.${a}.in-addr.arpa` as DnsName;
  return [...[a, b, c].slice(0, octets).reverse(), 'in-addr', 'arpa'].join('.') as DnsName;
}

/** `ip` under ip6.arpa, its first `nibbles` hexadecimal digits only. */
export function reverseName6(ip: Ip6, nibbles: number): DnsName {
  const digits = [...ip.toString(16).padStart(32, '0')].slice(0, nibbles).reverse();
  return [...digits, 'ip6', 'arpa'].join('.') as DnsName;
}

function compareOctets(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!;
  }
  return a.length - b.length;
}

function labelText(octets: readonly number[] | Uint8Array): string {
  let text = '';
  for (const octet of octets) {
    const lower = octet >= 0x41 && octet <= 0x5a ? octet + 32 : octet;
    const plain = lower > 0x20 && lower < 0x7f && lower !== 0x2e && lower !== 0x5c;
    text += plain ? String.fromCharCode(lower) : `\\${String(lower).padStart(3, '0')}`;
  }
  return text;
}

function splitText(text: string, field: string): number[][] {
  const labels: number[][] = [[]];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '.') labels.push([]);
    else {
      const { octet, length } = readOctet(text, i, field);
      labels.at(-1)!.push(octet);
      i += length - 1;
    }
  }
  return labels;
}

function readOctet(text: string, at: number, field: string): { octet: number; length: number } {
  const code = text.charCodeAt(at);
  if (code > 0x7f) throw malformed(field, text, 'ASCII, other octets escaped as \\DDD');
  if (text[at] !== '\\') return { octet: code, length: 1 };
  const digits = /^\d{3}/.exec(text.slice(at + 1))?.[0];
  if (digits !== undefined && Number(digits) < 256) return { octet: Number(digits), length: 4 };
  const escaped = text.charCodeAt(at + 1);
  if (digits !== undefined || !(escaped <= 0x7f) || /\d/.test(text[at + 1]!)) throw malformed(field, text, 'escapes like \\. or \\046');
  return { octet: escaped, length: 2 };
}

function malformed(field: string, text: string, wanted: string): DomainError {
  return new DomainError('invalid_argument', `${field}: want a domain name with ${wanted}, got ${JSON.stringify(text.slice(0, 80))}`);
}
