import { isIP } from 'node:net';
import * as v from 'valibot';
import { parseDuration } from '../../domain/duration.js';
import { parseLabel } from '../../domain/names.js';
import { parsed, type Fault } from '../yaml-config.js';

const MAX_LABEL = 63;

const label = parsed(parseLabel, 'a lower-case DNS label');
const ttl = v.pipe(parsed(parseDuration, 'a duration like "1m"'), v.minValue(1000, 'at least 1s'), v.maxValue(7 * 86_400_000, 'at most 7d'));

/** One entry of `server.services`. */
export const STATIC_SERVICE = v.strictObject({
  name: label,
  id: v.optional(label),
  network: v.optional(label, 'default'),
  address: v.pipe(v.string('an address'), v.check((text) => isIP(text) > 0, 'an IPv4 or IPv6 address')),
  port: number(0),
  protocol: v.optional(v.picklist(['tcp', 'udp'], 'tcp or udp'), 'tcp'),
  type: v.optional(label),
  channel: v.optional(v.picklist(['stable', 'beta', 'alpha'], 'stable, beta or alpha'), 'stable'),
  role: v.optional(v.picklist(['primary', 'replica'], 'primary or replica')),
  weight: v.optional(number(0), 0),
  priority: v.optional(number(0), 0),
  metadata: v.optional(v.record(v.string(), v.string('a text')), {}),
  ttl: v.optional(ttl, '1m'),
});

/** A service at a fixed address, inside of a network or not: answered for as long as it stands in the file. */
export interface StaticService {
  readonly id: string;
  readonly name: string;
  readonly network: string;
  readonly address: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly type: string;
  readonly channel: 'stable' | 'beta' | 'alpha';
  readonly role: 'primary' | 'replica' | '';
  readonly weight: number;
  readonly priority: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly ttlSeconds: number;
}

type Entry = v.InferOutput<typeof STATIC_SERVICE>;

/** The entries with their defaults. One without an id has one that stays as long as its name, address and port. */
export function staticServicesOf(entries: readonly Entry[]): StaticService[] {
  return entries.map(({ id, type, role, ttl: ttlMs, ...entry }) => ({
    ...entry,
    type: type ?? '',
    role: role ?? '',
    id: id ?? `${entry.name}-${entry.address}-${entry.port}`.replace(/[^a-z0-9]+/gi, '-').toLowerCase().slice(0, MAX_LABEL).replace(/-$/, ''),
    ttlSeconds: Math.floor(ttlMs / 1000),
  }));
}

/**
 * What is wrong between entries, and between them and the networks.
 *
 * @param networks The names of all networks.
 */
export function* staticServiceFaults(entries: readonly Entry[], networks: ReadonlySet<string>): Iterable<Fault> {
  const seen = new Set<string>();
  for (const [i, { network, id }] of staticServicesOf(entries).entries()) {
    if (!networks.has(network)) yield { key: ['services', i, 'network'], message: `want one of ${[...networks].join(', ')}, got ${JSON.stringify(network)}` };
    if (seen.has(`${network}/${id}`)) yield { key: ['services', i, 'id'], message: `want an id of its own, got ${JSON.stringify(id)} again` };
    seen.add(`${network}/${id}`);
  }
}

function number(from: number): v.GenericSchema<number> {
  const what = `a whole number from ${from} to 65535`;
  return v.pipe(v.number(what), v.integer(what), v.minValue(from, what), v.maxValue(65_535, what));
}
