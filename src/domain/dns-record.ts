import type { DnsName } from './dns-name.js';

/** The data of one record, by its type. Times in seconds, addresses as text, names without the final dot. */
export type RecordData =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'NS' | 'CNAME' | 'PTR'; readonly target: DnsName }
  | { readonly type: 'MX'; readonly preference: number; readonly target: DnsName }
  | { readonly type: 'SRV'; readonly priority: number; readonly weight: number; readonly port: number; readonly target: DnsName }
  /** Each text is one character-string of at most 255 octets in UTF-8. */
  | { readonly type: 'TXT'; readonly texts: readonly string[] }
  | { readonly type: 'CAA'; readonly critical: boolean; readonly tag: 'issue' | 'issuewild' | 'iodef'; readonly value: string }
  | ({ readonly type: 'SOA' } & SoaFields);

/** The fields of a start of authority. @see RFC 1035 §3.3.13 */
interface SoaFields {
  readonly primary: DnsName;
  readonly mailbox: DnsName;
  readonly serial: number;
  readonly refreshSeconds: number;
  readonly retrySeconds: number;
  readonly expireSeconds: number;
  /** How long a negative answer may be kept. @see RFC 2308 §4 */
  readonly negativeSeconds: number;
}

/** The types of record that a zone can hold. */
export type RecordType = RecordData['type'];

/** One record under its name. */
export interface ResourceRecord {
  readonly name: DnsName;
  readonly ttlSeconds: number;
  readonly data: RecordData;
}

/** Text that is equal for equal data: a set of records holds each only once. @see RFC 2181 §5 */
export function dataKey(data: RecordData): string {
  return 'address' in data ? data.address : JSON.stringify(data);
}
