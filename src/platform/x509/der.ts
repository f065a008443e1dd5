import asn1 from 'node-forge/lib/asn1.js';

/** One ASN.1 value, as node-forge represents it. Only the files of this folder see it. */
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
export function sequence(...items: Asn1[]): Asn1 {
  return asn1.create(UNIVERSAL, Type.SEQUENCE, true, items);
}

/** `SET` of `items`, which the caller has in DER's order. */
export function setOf(...items: Asn1[]): Asn1 {
  return asn1.create(UNIVERSAL, Type.SET, true, items);
}

/** `OBJECT IDENTIFIER` from its dotted form. */
export function oid(dotted: string): Asn1 {
  return asn1.create(UNIVERSAL, Type.OID, false, asn1.oidToDer(dotted).getBytes());
}

/** `INTEGER` from the big-endian octets of a number that is not negative. */
export function unsignedInteger(octets: Uint8Array): Asn1 {
  const bytes = Buffer.from(octets);
  const start = bytes.findIndex((octet) => octet !== 0);
  const minimal = start < 0 ? Buffer.from([0]) : bytes.subarray(start);
  const positive = minimal.readUInt8(0) > 0x7f ? Buffer.concat([Buffer.from([0]), minimal]) : minimal;
  return asn1.create(UNIVERSAL, Type.INTEGER, false, toBinary(positive));
}

/** `BOOLEAN TRUE`; DER leaves a default of FALSE out. */
export function booleanTrue(): Asn1 {
  return asn1.create(UNIVERSAL, Type.BOOLEAN, false, '\xff');
}

/** `OCTET STRING`. */
export function octetString(octets: Uint8Array): Asn1 {
  return asn1.create(UNIVERSAL, Type.OCTETSTRING, false, toBinary(octets));
}

/** `BIT STRING` whose last octet has `unusedBits` bits to ignore. */
export function bitString(octets: Uint8Array, unusedBits = 0): Asn1 {
  return asn1.create(UNIVERSAL, Type.BITSTRING, false, String.fromCharCode(unusedBits) + toBinary(octets));
}

/** `UTF8String`. */
export function utf8String(text: string): Asn1 {
  return asn1.create(UNIVERSAL, Type.UTF8, false, toBinary(Buffer.from(text)));
}

/** `UTCTime` or `GeneralizedTime`, to the second, as certificates want it. */
export function time(ms: number): Asn1 {
  const date = new Date(ms);
  return date.getUTCFullYear() < FIRST_GENERALIZED_YEAR
    ? asn1.create(UNIVERSAL, Type.UTCTIME, false, asn1.dateToUtcTime(date))
    : asn1.create(UNIVERSAL, Type.GENERALIZEDTIME, false, asn1.dateToGeneralizedTime(date));
}

/** A context-specific tag around other values. */
export function explicit(tag: number, ...items: Asn1[]): Asn1 {
  return asn1.create(CONTEXT_SPECIFIC, tag, true, items);
}

/** A context-specific tag in place of the value's own. */
export function implicit(tag: number, octets: Uint8Array): Asn1 {
  return asn1.create(CONTEXT_SPECIFIC, tag, false, toBinary(octets));
}

/** Embeds one value of DER that the caller trusts, such as a key that node:crypto exported, without taking it apart. */
export function embedded(der: Uint8Array): Asn1 {
  const [tag = 0, length = 0] = der;
  const contents = der.subarray(length < 0x80 ? 2 : 2 + (length & 0x7f));
  // The bit for "constructed" stays part of the type, so that what is inside is written as it is.
  return asn1.create((tag & 0xc0) as Asn1['tagClass'], (tag & 0x3f) as Asn1['type'], false, toBinary(contents));
}

/** The DER of `value`. */
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

function toBinary(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('binary');
}
