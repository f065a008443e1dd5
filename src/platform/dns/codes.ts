import type { RecordType } from '../../domain/dns-record.js';

/** Response codes as they stand in a header, and BADVERS, whose upper bits stand in the OPT record. @see RFC 6895 §2.3 */
export const RCODES = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const;

/** The name of a response code that we send. */
export type Rcode = keyof typeof RCODES;

const RECORD_TYPES: Readonly<Record<RecordType, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  CAA: 257,
};

const TYPE_NAMES: ReadonlyMap<number, string> = new Map([...Object.entries(RECORD_TYPES), ['ANY', 255] as const].map(([name, code]) => [code, name]));

/** The number of a type of record. @see RFC 6895 §3.1 */
export function typeCode(type: RecordType): number {
  return RECORD_TYPES[type];
}

/** The name of a type; `TYPE123` for one that no zone of ours holds. @see RFC 3597 §5 */
export function typeName(code: number): string {
  return TYPE_NAMES.get(code) ?? `TYPE${code}`;
}
