import type { DnsAnswerRecord, DnsKey, DnsRecord, GetDnsResponse, QueryDnsResponse } from '../../gen/networkcontroller/v1/dns.js';
import { formatAge, isoTime } from '../../platform/measures.js';
import type { Colors } from '../../platform/output.js';
import type { Column } from '../../platform/text-table.js';

/** All of a record, for programs. */
export function recordJson(record: DnsRecord) {
  const { createdAtMs, ...rest } = record;
  return { ...rest, createdAt: isoTime(createdAtMs) };
}

/** A record as a zone file has it, for sentences. */
export function recordLine({ name, type, value, network }: DnsRecord): string {
  return `${name} ${type} ${value}${network === '' ? '' : ` for network ${network}`}`;
}

/** The columns of a list of records. */
export function recordColumns(colors: Colors, nowMs: number): Column<DnsRecord>[] {
  return [
    { title: 'NAME', cell: ({ name }) => colors.bold(name), yields: 1 },
    { title: 'TTL', cell: ({ ttlSeconds }) => `${ttlSeconds}s` },
    { title: 'TYPE', cell: ({ type }) => type },
    { title: 'VALUE', cell: ({ value }) => value, yields: 3 },
    { title: 'NETWORK', cell: ({ network }) => network || '(all)' },
    { title: 'ID', cell: ({ id }) => id },
    { title: 'AGE', cell: ({ createdAtMs }) => formatAge(createdAtMs, nowMs), wide: true },
    { title: 'BY', cell: ({ createdBy }) => createdBy, wide: true },
  ];
}

/** An answer in the order of a message, and the way it took. */
export function answerLines(answer: QueryDnsResponse): string {
  const { answers, authorities, additionals, code, source, octets, micros } = answer;
  const flags = [answer.authoritative ? 'authoritative' : '', answer.truncated ? 'truncated' : ''].filter(Boolean);
  const way = [`; ${code} from ${source}`, ...flags, `${octets} octets`, `${(micros / 1000).toFixed(1)} ms`].join(', ');
  return [...section('', answers), ...section('authority', authorities), ...section('additional', additionals), way].join('\n');
}

/** All of a key, for programs. */
export function keyJson({ tag, state, sinceMs, ds }: DnsKey) {
  return { tag, state, since: sinceMs === 0 ? '' : isoTime(sinceMs), ds };
}

/** The columns of a list of keys. */
export function keyColumns(colors: Colors, nowMs: number): Column<DnsKey>[] {
  return [
    { title: 'KEY', cell: ({ tag }) => colors.bold(String(tag)) },
    { title: 'STATE', cell: ({ state }) => (state === 'active' ? colors.green(state) : colors.yellow(state)) },
    { title: 'SINCE', cell: ({ sinceMs }) => (sinceMs === 0 ? '-' : formatAge(sinceMs, nowMs)) },
    { title: 'DS', cell: ({ ds }) => ds[0] ?? '-', yields: 1 },
  ];
}

/** What is to be done next about the keys. */
export function nextKeyStep(dns: GetDnsResponse | undefined): string {
  const [active, retiring] = dns?.keys ?? [];
  if (retiring === undefined) return `Key ${active?.tag ?? '-'} signs alone.`;
  return [
    `Keys ${active?.tag} (new) and ${retiring.tag} (retiring) sign side by side.`,
    'Put the new DS in place of the old one at every parent and trust anchor ("ncadm dns ds"),',
    `then run "ncadm dns key retire", not before ${isoTime(dns?.retireAfterMs ?? 0)}.`,
  ].join('\n');
}

/** The state of DNS, for programs. */
export function dnsJson({ keys, retireAfterMs, sources, ...rest }: GetDnsResponse) {
  const counts = Object.fromEntries(sources.map(({ source, answers }) => [source, answers]));
  return { ...rest, keys: keys.map(keyJson), retireAfter: retireAfterMs === 0 ? '' : isoTime(retireAfterMs), sources: counts };
}

/** The state of DNS, for people. */
export function dnsLines({ zones, signed, keys, names, serial, logQueries, sources }: GetDnsResponse): string {
  const counts = sources.filter(({ answers }) => answers > 0).map(({ source, answers }) => `${source} ${answers}`);
  return [
    `Zones:     ${zones.join(', ')}`,
    `Signed:    ${signed ? `by ${keys.map(({ tag, state }) => `${tag} (${state})`).join(' and ')}` : 'no'}`,
    `Names:     ${names}, serial ${serial}`,
    `Query log: ${logQueries ? 'on' : 'off'}`,
    `Answers:   ${counts.join(', ') || 'none yet'}`,
  ].join('\n');
}

function section(title: string, records: readonly DnsAnswerRecord[]): string[] {
  const lines = records.map(({ name, ttlSeconds, type, data }) => `${name === '' ? '.' : name}\t${ttlSeconds}\t${type}\t${data}`);
  return title === '' || lines.length === 0 ? lines : [`; ${title}`, ...lines];
}
