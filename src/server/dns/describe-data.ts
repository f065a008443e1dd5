import type { Answer } from 'dns-packet';

/** The data of a record as a zone file has it; a type that is rare is shown in hexadecimal. @see RFC 3597 §5 */
export function describeData(record: Answer): string {
  switch (record.type) {
    case 'MX':
      return `${record.data.preference} ${record.data.exchange}`;
    case 'SRV':
      return `${record.data.priority ?? 0} ${record.data.weight ?? 0} ${record.data.port} ${record.data.target}`;
    case 'TXT':
      return [record.data].flat().map((text) => JSON.stringify(text.toString())).join(' ');
    case 'CAA':
      return `${record.data.issuerCritical === true ? 128 : 0} ${record.data.tag} ${JSON.stringify(record.data.value)}`;
    case 'SOA':
      return [record.data.mname, record.data.rname, record.data.serial, record.data.refresh, record.data.retry, record.data.expire, record.data.minimum].join(' ');
    case 'RRSIG':
      return `${record.data.typeCovered} ${record.data.algorithm} key ${record.data.keyTag} of ${record.data.signersName}`;
    case 'DNSKEY':
      return `${record.data.flags} 3 ${record.data.algorithm} ${record.data.key.toString('base64')}`;
    case 'NSEC':
      return `${escaped(record.data.nextDomain)} ${record.data.rrtypes.join(' ')}`;
    default:
      return 'data' in record && typeof record.data === 'string' ? record.data : unknownData(record);
  }
}

function unknownData(record: Answer): string {
  const data = 'data' in record && Buffer.isBuffer(record.data) ? record.data : Buffer.from(JSON.stringify('data' in record ? record.data : ''));
  return `\\# ${data.length} ${data.toString('hex')}`;
}

/** What does not print, as `\DDD`. @see RFC 1035 §5.1 */
function escaped(name: string): string {
  return name.replace(/[^\x21-\x7e]/g, (character) => `\\${String(character.charCodeAt(0)).padStart(3, '0')}`);
}
