import * as v from 'valibot';
import type { AddedRecord } from '../../domain/dns-records.js';
import { parseDuration } from '../../domain/duration.js';
import { DomainError } from '../../domain/errors.js';
import { parseLabel } from '../../domain/names.js';
import { Zone } from '../../domain/zone.js';
import type { ZoneNetwork } from '../../domain/zone-input.js';
import { checked, parsed, parseYamlConfig, type Fault } from '../yaml-config.js';

/** One record, as `dns.records` of server.yml and the records file have it. */
export const RECORD = v.strictObject({
  name: v.string(),
  type: v.string(),
  value: v.string(),
  ttl: v.optional(parsed(parseDuration, 'a duration like "5m"'), '5m'),
  network: v.optional(parsed(parseLabel, 'a network\'s name')),
});

type RecordKeys = v.InferOutput<typeof RECORD>;

/** What the records are checked against. */
export interface RecordSurroundings {
  /** The forward zone. */
  readonly zone: string;
  readonly networks: readonly ZoneNetwork[];
}

/** The records of a list, told apart by their place in `source`. */
export function addedRecords(source: string, records: readonly RecordKeys[]): AddedRecord[] {
  return records.map(({ name, type, value, ttl, network = '' }, i) => ({ id: `${source} ${i}`, name, type, value, network, ttlSeconds: Math.floor(ttl / 1000) }));
}

/** What the DNS has against each record, in itself or beside those before it that the same clients see. */
export function* recordFaults(records: readonly AddedRecord[], { zone, networks }: RecordSurroundings): Iterable<Fault> {
  const views = new Map(['', ...networks.map(({ name }) => name)].map((view) => [view, emptyZone(zone, networks)]));
  for (const [i, record] of records.entries()) {
    const network = record.network ?? '';
    const message = views.has(network) ? faultOf(record, network === '' ? [...views.values()] : [views.get(network)!]) : `want a network of this server, got ${JSON.stringify(network)}`;
    if (message !== undefined) yield { key: [i], message };
  }
}

/**
 * Reads a records file: a list like `dns.records` of server.yml.
 *
 * @throws DomainError `config_invalid` with file, line and rule of every fault.
 */
export function parseRecordsFile(text: string, path: string, surroundings: RecordSurroundings): AddedRecord[] {
  const schema = checked(v.nullish(v.array(RECORD, 'a list of records'), []) as v.GenericSchema<unknown, RecordKeys[]>, (records) => recordFaults(addedRecords('', records), surroundings));
  return addedRecords('records file', parseYamlConfig(text, path, schema));
}

function emptyZone(name: string, networks: readonly ZoneNetwork[]): Zone {
  const zone = new Zone(name);
  for (const network of networks) zone.apply({ kind: 'network', network });
  return zone;
}

/** Puts the record into each view, until one has something against it. */
function faultOf(record: AddedRecord, views: readonly Zone[]): string | undefined {
  try {
    for (const zone of views) zone.apply({ kind: 'record', record });
    return undefined;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return error.message.replace(/^record: /, '');
  }
}
