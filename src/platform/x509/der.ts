import { LRUCache } from 'lru-cache';
import asn1 from 'node-forge/lib/asn1.js';

/** One ASN.1 value that was read, as node-forge represents it; what is written is DER from the start. Only the files of this folder see it. */
export type Asn1 = asn1.Asn1;

const { UNIVERSAL, CONTEXT_SPECIFIC } = asn1.Class;
const Type = asn1.Type;

/** Times up to the end of 2049 are written with two digits of the year. @see RFC 5280 §4.1.2.5 */
const FIRST_GENERALIZED_YEAR = 2050;

/** What {@link decodeDer} accepts at most. */
export interface DerLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
}

/** `SEQUENCE` of `items`. */
export function sequence(...items: Uint8Array[]): Buffer {
  return tagged(0x30, ...items);
}

/** `SET` of `items`, which the caller has in DER's order. */
export function setOf(...items: Uint8Array[]): Buffer {
  return tagged(0x31, ...items);
}

/** `OBJECT IDENTIFIER` from its dotted form. */
export function oid(dotted: string): Buffer {
  return tagged(Type.OID, Buffer.from(asn1.oidToDer(dotted).getBytes(), 'binary'));
}

/** `INTEGER` from the big-endian octets of a number that is not negative. */
export function unsignedInteger(octets: Uint8Array): Buffer {
  const start = octets.findIndex((octet) => octet !== 0);
  const minimal = start < 0 ? Buffer.of(0) : octets.subarray(start);
  return minimal[0]! > 0x7f ? tagged(Type.INTEGER, Buffer.of(0), minimal) : tagged(Type.INTEGER, minimal);
}

/** `BOOLEAN TRUE`; DER leaves a default of FALSE out. */
export function booleanTrue(): Buffer {
  return tagged(Type.BOOLEAN, Buffer.of(0xff));
}

/** `OCTET STRING`. */
export function octetString(octets: Uint8Array): Buffer {
  return tagged(Type.OCTETSTRING, octets);
}

/** `BIT STRING` whose last octet has `unusedBits` bits to ignore. */
export function bitString(octets: Uint8Array, unusedBits = 0): Buffer {
  return tagged(Type.BITSTRING, Buffer.of(unusedBits), octets);
}

/** `UTF8String`. */
export function utf8String(text: string): Buffer {
  return tagged(Type.UTF8, Buffer.from(text));
}

/** Certificates of one second begin and end together. */
const TIMES_KEPT = 64;
const times = new LRUCache<number, Buffer>({ max: TIMES_KEPT });

/** `UTCTime` or `GeneralizedTime`, to the second, as certificates want it. */
export function time(ms: number): Buffer {
  const second = Math.floor(ms / 1000);
  const der = times.get(second) ?? timeOfSecond(second * 1000);
  times.set(second, der);
  return der;
}

function timeOfSecond(ms: number): Buffer {
  const text = `${new Date(ms).toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`;
  const isShort = Number(text.slice(0, 4)) < FIRST_GENERALIZED_YEAR;
  return isShort ? tagged(Type.UTCTIME, Buffer.from(text.slice(2))) : tagged(Type.GENERALIZEDTIME, Buffer.from(text));
}

/** A context-specific tag around other values. */
export function explicit(tag: number, ...items: Uint8Array[]): Buffer {
  return tagged(0xa0 | tag, ...items);
}

/** A context-specific tag in place of the value's own. */
export function implicit(tag: number, octets: Uint8Array): Buffer {
  return tagged(0x80 | tag, octets);
}

/** The DER of a value that {@link decodeDer} has read. */
export function encodeDer(value: Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'binary');
}

/**
 * Reads DER from outside: bounded in size and depth, nothing after it, and in the one canonical form, which is
 * checked by writing it again. BER is refused, so that what was signed and what is read are the same octets.
 *
 * @throws Error of any kind when it is not that; callers turn it into their own refusal.
 * @see ITU-T X.690 §10
 */
export function decodeDer(der: Uint8Array, limits: DerLimits): Asn1 {
  if (der.length > limits.maxBytes) throw new Error(`want at most ${limits.maxBytes} octets, got ${der.length}`);
  const options = { strict: true, parseAllBytes: true, decodeBitStrings: false, maxDepth: limits.maxDepth };
  const value = asn1.fromDer(toBinary(der), options);
  if (!encodeDer(value).equals(der)) throw new Error('want canonical DER');
  return value;
}

/** The items of a `SEQUENCE`. @throws Error when `value` is not one. */
export function itemsOf(value: Asn1 | undefined): readonly Asn1[] {
  if (value?.tagClass !== UNIVERSAL || value.type !== Type.SEQUENCE || !Array.isArray(value.value)) throw new Error('want a SEQUENCE');
  return value.value;
}

/** The items under a context-specific constructed tag. @throws Error when `value` is not that. */
export function explicitItems(value: Asn1 | undefined, tag: number): readonly Asn1[] {
  if (value?.tagClass !== CONTEXT_SPECIFIC || value.type !== (tag as Asn1['type']) || !Array.isArray(value.value)) throw new Error(`want tag [${tag}]`);
  return value.value;
}

/** The octets of an `INTEGER`. @throws Error when `value` is not one or is negative. */
export function unsignedOctets(value: Asn1 | undefined): Buffer {
  const octets = primitive(value, Type.INTEGER, 'INTEGER');
  if (octets.length === 0 || octets.readUInt8(0) > 0x7f) throw new Error('want an INTEGER that is not negative');
  return octets.readUInt8(0) === 0 ? octets.subarray(1) : octets;
}

/** The octets of an `OCTET STRING`. @throws Error when `value` is not one. */
export function octetsOf(value: Asn1 | undefined): Buffer {
  return primitive(value, Type.OCTETSTRING, 'OCTET STRING');
}

/** The octets of a `BIT STRING` without unused bits. @throws Error when `value` is not one. */
export function bitsOf(value: Asn1 | undefined): Buffer {
  const octets = primitive(value, Type.BITSTRING, 'BIT STRING');
  if (octets.length === 0 || octets.readUInt8(0) !== 0) throw new Error('want a BIT STRING of whole octets');
  return octets.subarray(1);
}

/** UTC ms of a `UTCTime` or `GeneralizedTime`. @throws Error when `value` is neither. */
export function timeOf(value: Asn1 | undefined): number {
  if (value?.tagClass === UNIVERSAL && typeof value.value === 'string') {
    if (value.type === Type.UTCTIME) return asn1.utcTimeToDate(value.value).getTime();
    if (value.type === Type.GENERALIZEDTIME) return asn1.generalizedTimeToDate(value.value).getTime();
  }
  throw new Error('want a time');
}

function primitive(value: Asn1 | undefined, type: Asn1['type'], name: string): Buffer {
  if (value?.tagClass !== UNIVERSAL || value.type !== type || typeof value.value !== 'string') throw new Error(`want ${name}`);
  return Buffer.from(value.value, 'binary');
}

/** Tag, length in the shortest form (ITU-T X.690 §10.1), contents. */
function tagged(tag: number, ...contents: Uint8Array[]): Buffer {
  let length = 0;
  for (const part of contents) length += part.length;
  const lengthBytes = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x1_0000 ? 2 : length < 0x100_0000 ? 3 : 4;
  const der = Buffer.allocUnsafe(2 + lengthBytes + length);
  der[0] = tag;
  der[1] = lengthBytes === 0 ? length : 0x80 | lengthBytes;
  if (lengthBytes > 0) der.writeUIntBE(length, 2, lengthBytes);
  let at = 2 + lengthBytes;
  for (const part of contents) {
    der.set(part, at);
    at += part.length;
  }
  return der;
}

function toBinary(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('binary');
}
