import { encode, type Answer } from 'dns-packet';
import type { RecordData } from '../../domain/dns-record.js';

/** Octets before the data of a message's only record under the root: header, name, type, class, TTL. */
const BEFORE_LENGTH = 12 + 1 + 2 + 2 + 4;

/** The data of a record on the wire, its length in two octets first. Names in it are not compressed. @see RFC 1035 §3.3 */
export function encodeRdata(data: RecordData): Buffer {
  return encode({ type: 'response', answers: [packetRecord(data)] }).subarray(BEFORE_LENGTH);
}

function packetRecord(data: RecordData): Answer {
  const name = '.';
  switch (data.type) {
    case 'A':
    case 'AAAA':
      return { type: data.type, name, data: data.address };
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return { type: data.type, name, data: data.target };
    case 'MX':
      return { type: 'MX', name, data: { preference: data.preference, exchange: data.target } };
    case 'SRV':
      return { type: 'SRV', name, data: { priority: data.priority, weight: data.weight, port: data.port, target: data.target } };
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
