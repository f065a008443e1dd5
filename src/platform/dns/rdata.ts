import { encode, type Answer } from 'dns-packet';
import type { DnsName } from '../../domain/dns-name.js';
import type { RecordData } from '../../domain/dns-record.js';
import { encodeName } from './wire-name.js';

/** Octets before the data of a message's only record under the root: header, name, type, class, TTL. */
const BEFORE_LENGTH = 12 + 1 + 2 + 2 + 4;

/** The data of a record on the wire, its length in two octets first. Names in it are not compressed. @see RFC 1035 §3.3 */
export function encodeRdata(data: RecordData): Buffer {
  // What most answers hold, by hand: the package makes a whole message for each.
  switch (data.type) {
    case 'A':
      return Buffer.from([0, 4, ...data.address.split('.').map(Number)]);
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return withTarget([], data.target);
    case 'MX':
      return withTarget([data.preference], data.target);
    case 'SRV':
      return withTarget([data.priority, data.weight, data.port], data.target);
    default:
      return encode({ type: 'response', answers: [packetRecord(data)] }).subarray(BEFORE_LENGTH);
  }
}

/** Numbers of two octets, then a name. */
function withTarget(numbers: readonly number[], target: DnsName): Buffer {
  const name = encodeName(target);
  const data = Buffer.allocUnsafe(2 + 2 * numbers.length + name.length);
  data.writeUInt16BE(data.length - 2, 0);
  numbers.forEach((number, i) => data.writeUInt16BE(number, 2 + 2 * i));
  data.set(name, 2 + 2 * numbers.length);
  return data;
}

function packetRecord(data: Extract<RecordData, { readonly type: 'AAAA' | 'TXT' | 'CAA' | 'SOA' | 'A' }>): Answer {
  const name = '.';
  switch (data.type) {
    case 'A':
    case 'AAAA':
      return { type: data.type, name, data: data.address };
    case 'TXT':
      return { type: 'TXT', name, data: [...data.texts] };
    case 'CAA':
      return { type: 'CAA', name, data: { flags: data.critical ? 128 : 0, tag: data.tag, value: data.value } };
    case 'SOA':
      return {
        type: 'SOA',
        name,
        data: {
          mname: data.primary,
          rname: data.mailbox,
          serial: data.serial,
          refresh: data.refreshSeconds,
          retry: data.retrySeconds,
          expire: data.expireSeconds,
          minimum: data.negativeSeconds,
        },
      };
  }
}
