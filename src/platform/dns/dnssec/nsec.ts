import { labelOctets, labelsOf, type DnsName } from '../../../domain/dns-name.js';
import type { Denial } from '../../../domain/zone-lookup.js';
import { typeCode } from '../codes.js';
import { encodeName } from '../wire-name.js';
import type { WireRecord } from '../wire-answer.js';

const TYPE_RRSIG = 46;
const TYPE_NSEC = 47;
const TYPE_DNSKEY = 48;
/** Stands in the list of types of a name that does not exist. @see RFC 9824 §2 */
const TYPE_NXNAME = 128;

/**
 * The record that denies a name or a type, made for this one question: it stands at the name itself and ends right behind
 * it, so it tells nothing of other names.
 *
 * @see RFC 9824 §3, RFC 4034 §4.1
 */
export function nsecRecord({ name, apex, types }: Denial, ttlSeconds: number): WireRecord {
  const present = types === undefined ? [TYPE_NXNAME] : types.map((type) => typeCode(type));
  const all = [...present, TYPE_RRSIG, TYPE_NSEC, ...(name === apex ? [TYPE_DNSKEY] : [])];
  const data = Buffer.concat([nextName(name), typeBitmap(all)]);
  return { name, type: TYPE_NSEC, ttlSeconds, rdata: Buffer.concat([Buffer.from([data.length >> 8, data.length & 0xff]), data]) };
}

/** The name that sorts right behind `name`: a first label of one zero octet, or where that has no room, the last octet counted up. */
function nextName(name: DnsName): Buffer {
  const octets = encodeName(name);
  if (octets.length <= 253) return Buffer.concat([Buffer.from([1, 0]), octets]);
  const last = labelOctets(labelsOf(name)[0]!).length;
  octets[last]! += octets[last]! < 0xff ? 1 : 0;
  return octets;
}

/** @see RFC 4034 §4.1.2 */
function typeBitmap(types: readonly number[]): Buffer {
  const windows = new Map<number, Buffer>();
  for (const type of types.toSorted((a, b) => a - b)) {
    const bits = windows.get(type >> 8) ?? Buffer.alloc(32);
    bits[(type & 0xff) >> 3]! |= 0x80 >> (type & 7);
    windows.set(type >> 8, bits);
  }
  return Buffer.concat([...windows].flatMap(([window, bits]) => {
    const length = bits.findLastIndex((octet) => octet !== 0) + 1;
    return [Buffer.from([window, length]), bits.subarray(0, length)];
  }));
}
