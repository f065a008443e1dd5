import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddressPlan } from '../../src/domain/address-plan.js';
import { BACKDATE_MS, clusterOfServerName, parseCertificateUri, renewAtMs, serverName, subjectOf, subjectUri, wireGuardUri, type SubjectKind } from '../../src/domain/certificate.js';
import { contains4, contains6, formatCidr4, formatCidr6, overlap4, overlap6, parseCidr4, parseCidr6 } from '../../src/domain/cidr.js';
import { compareDnsNames, isWithin, nameOfLabels, parentOf, parseDnsName, reverseName, type DnsName } from '../../src/domain/dns-name.js';
import { checkRecord, type RecordContext } from '../../src/domain/dns-records.js';
import { formatDuration, parseDuration } from '../../src/domain/duration.js';
import { DomainError } from '../../src/domain/errors.js';
import { formatHostPort, parseHostPort } from '../../src/domain/host-port.js';
import { formatIp4, formatIp6, parseIp4, parseIp6, type Ip4, type Ip6 } from '../../src/domain/ip.js';
import { formatJoinString, MAX_JOIN_STRING, parseJoinString } from '../../src/domain/join-string.js';
import { labelFrom, nameVariant, parseNodeName } from '../../src/domain/names.js';
import { ADDABLE_TYPES, parseRecordData, utf8Length } from '../../src/domain/record-data.js';
import { reverseZones } from '../../src/domain/reverse-zone.js';
import { Secret } from '../../src/domain/secret.js';

const RUNS = { seed: 90_125, numRuns: 200 };

const ip4 = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((n) => n as Ip4);
const ip6 = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((n) => n as Ip6);
const cidr4 = fc.tuple(ip4, fc.integer({ min: 0, max: 32 })).map(([ip, bits]) => parseCidr4(`${formatIp4(ip)}/${bits}`));
const cidr6 = fc.tuple(ip6, fc.integer({ min: 0, max: 128 })).map(([ip, bits]) => parseCidr6(`${formatIp6(ip)}/${bits}`));
/** Networks that nodes can live in. */
const plans = fc.tuple(ip4, fc.integer({ min: 8, max: 30 })).map(([ip, bits]) => parseCidr4(`${formatIp4(ip)}/${bits}`));
const base64url = (length: number, last: string) =>
  fc.tuple(fc.string({ unit: fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'), minLength: length - 1, maxLength: length - 1 }), fc.constantFrom(...last)).map((parts) => parts.join(''));
const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);
const clusterId = fc.stringMatching(/^[a-z0-9-]{1,63}$/);
const subjectId = fc.stringMatching(/^[A-Za-z0-9._-]{1,128}$/);
const kind = fc.constantFrom<SubjectKind>('node', 'admin', 'relay');

/** The code of the refusal, or 'parsed'; whatever else is thrown fails the test. */
function refusalOf(parse: () => unknown): string {
  try {
    parse();
    return 'parsed';
  } catch (error) {
    if (error instanceof DomainError) return error.code;
    throw error;
  }
}

/** Texts near enough to the right ones to get past the first check. */
const hostile = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: fc.constantFrom(...'0123456789.:/[]-_@,ncj1sdhm \0\\"*é'), maxLength: 60 }),
);

describe('any text', () => {
  it.each<[string, (text: string) => unknown, string]>([
    ['an IPv4 address', parseIp4, 'invalid_argument'],
    ['an IPv6 address', parseIp6, 'invalid_argument'],
    ['an IPv4 network', parseCidr4, 'invalid_argument'],
    ['an IPv6 network', parseCidr6, 'invalid_argument'],
    ['a host and port', parseHostPort, 'invalid_argument'],
    ['a duration', parseDuration, 'invalid_argument'],
    ['a node name', parseNodeName, 'invalid_argument'],
    ['a DNS name', parseDnsName, 'invalid_argument'],
    ['a join string', parseJoinString, 'join_string_invalid'],
    ['a join string after its prefix', (text) => parseJoinString(`ncj1_${text}`), 'join_string_invalid'],
    ...ADDABLE_TYPES.map((type): [string, (text: string) => unknown, string] => [`the data of ${type}`, (text) => parseRecordData(type, text), 'invalid_argument']),
  ])('is read as %s or refused by its code, never anything else', (_what, parse, code) => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(['parsed', code]).toContain(refusalOf(() => parse(text)));
      }),
      RUNS,
    );
  });
});

describe('an address', () => {
  it('reads back from what is written, in both families', () => {
    fc.assert(
      fc.property(ip4, ip6, (four, six) => {
        expect(parseIp4(formatIp4(four))).toBe(four);
        expect(parseIp6(formatIp6(six))).toBe(six);
      }),
      RUNS,
    );
  });

  it('is never within the zones of a network that it is outside of, and always within exactly one when inside', () => {
    fc.assert(
      fc.property(fc.tuple(ip4, fc.integer({ min: 12, max: 24 })), fc.nat(), ip4, ([base, bits], offset, other) => {
        const cidr = parseCidr4(`${formatIp4(base)}/${bits}`);
        const zones = reverseZones(formatCidr4(cidr), '');
        const zonesOf = (ip: Ip4): DnsName[] => zones.filter((zone) => isWithin(reverseName(formatIp4(ip)), zone));
        expect(zonesOf((cidr.base + (offset % cidr.size)) as Ip4)).toHaveLength(1);
        expect(zonesOf(other)).toHaveLength(contains4(cidr, other) ? 1 : 0);
      }),
      { ...RUNS, numRuns: 60 },
    );
  });
});

describe('a network', () => {
  it('reads back from what is written, without host bits', () => {
    fc.assert(
      fc.property(cidr4, cidr6, (four, six) => {
        expect(parseCidr4(formatCidr4(four))).toEqual(four);
        expect(parseCidr6(formatCidr6(six))).toEqual(six);
        expect(four.base % four.size).toBe(0);
      }),
      RUNS,
    );
  });

  it('holds its first and last address, and neither of the neighbours', () => {
    fc.assert(
      fc.property(cidr4, cidr6, (four, six) => {
        const last6 = six.base + (1n << BigInt(128 - six.prefixLength)) - 1n;
        expect([four.base, four.base + four.size - 1].every((ip) => contains4(four, ip as Ip4))).toBe(true);
        expect([four.base - 1, four.base + four.size].some((ip) => contains4(four, ip as Ip4))).toBe(false);
        expect([six.base, last6].every((ip) => contains6(six, ip as Ip6))).toBe(true);
        if (last6 < 2n ** 128n - 1n) expect(contains6(six, (last6 + 1n) as Ip6)).toBe(false);
      }),
      RUNS,
    );
  });

  it('overlaps another exactly when one begins before the other ends, whichever is asked', () => {
    fc.assert(
      fc.property(cidr4, cidr4, cidr6, cidr6, (a, b, c, d) => {
        const meets = a.base < b.base + b.size && b.base < a.base + a.size;
        expect([overlap4(a, b), overlap4(b, a)]).toEqual([meets, meets]);
        const end = (cidr: typeof c): bigint => cidr.base + (1n << BigInt(128 - cidr.prefixLength));
        const meets6 = c.base < end(d) && d.base < end(c);
        expect([overlap6(c, d), overlap6(d, c)]).toEqual([meets6, meets6]);
      }),
      RUNS,
    );
  });
});

describe('a plan of addresses', () => {
  it('gives no node the network, the controller, the broadcast or anything outside', () => {
    fc.assert(
      fc.property(plans, ip4, (cidr, other) => {
        const plan = new AddressPlan(cidr);
        const reserved = [cidr.base, cidr.base + 1, cidr.base + cidr.size - 1] as Ip4[];
        for (const ip of reserved) expect(refusalOf(() => plan.hostOf(formatIp4(ip)))).toBe('invalid_argument');
        const usable = contains4(cidr, other) && !reserved.includes(other);
        expect(refusalOf(() => plan.hostOf(formatIp4(other)))).toBe(usable ? 'parsed' : 'invalid_argument');
      }),
      RUNS,
    );
  });

  it('finds each host again by the address that it gave it, and counts them right', () => {
    fc.assert(
      fc.property(plans, fc.nat(), (cidr, n) => {
        const plan = new AddressPlan(cidr, parseCidr6('fd00:66::/64'));
        const host = 2 + (n % plan.capacity);
        const { bindIp, bindIp6 } = plan.addressesOf(host);
        expect([plan.hostOf(bindIp), plan.hostOfStored(bindIp)]).toEqual([host, host]);
        expect(parseIp6(bindIp6) & 0xffff_ffffn).toBe(BigInt(host));
        expect(refusalOf(() => plan.hostOf(plan.addressesOf(plan.capacity + 2).bindIp))).toBe('invalid_argument');
      }),
      RUNS,
    );
  });
});

describe('a certificate', () => {
  it('is due after its issue and before its end, later for less jitter, and never past two thirds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), fc.integer({ min: 60_000, max: 3e11 }), fc.double({ min: 0, max: 1, noNaN: true }), (issuedAtMs, lifetimeMs, jitter) => {
        const due = (j: number): number => renewAtMs(issuedAtMs - BACKDATE_MS, issuedAtMs + lifetimeMs, j);
        expect(due(jitter)).toBeGreaterThan(issuedAtMs + lifetimeMs * 0.6);
        expect(due(jitter)).toBeLessThanOrEqual(issuedAtMs + (lifetimeMs * 2) / 3 + 1);
        expect(due(0)).toBeGreaterThanOrEqual(due(jitter));
      }),
      RUNS,
    );
  });

  it('names nobody by a text that its URIs cannot hold', () => {
    fc.assert(
      fc.property(clusterId, kind, fc.string(), (cluster, who, id) => {
        const fits = /^[A-Za-z0-9._-]{1,128}$/.test(id);
        expect(refusalOf(() => subjectUri(cluster, { kind: who, id }))).toBe(fits ? 'parsed' : 'invalid_argument');
      }),
      RUNS,
    );
  });

  it('is refused with two subjects, with none, and with a name of another cluster', () => {
    fc.assert(
      fc.property(clusterId, clusterId, kind, subjectId, (cluster, other, who, id) => {
        fc.pre(cluster !== other);
        const [uri, key] = [subjectUri(cluster, { kind: who, id }), wireGuardUri(cluster, 'a'.repeat(43))];
        for (const uris of [[], [key], [uri, uri], [uri, wireGuardUri(other, 'k')], [uri, 'https://x'], [subjectUri(other, { kind: who, id })]]) {
          expect(refusalOf(() => subjectOf(uris, cluster))).toBe('certificate_invalid');
        }
        expect(subjectOf([key, uri], cluster)).toEqual({ kind: who, id });
      }),
      RUNS,
    );
  });

  it('gives back the cluster, kind and id that were written into it', () => {
    fc.assert(
      fc.property(clusterId, kind, subjectId, (cluster, who, id) => {
        expect(parseCertificateUri(subjectUri(cluster, { kind: who, id }))).toEqual({ clusterId: cluster, kind: who, value: id });
        expect(clusterOfServerName(serverName(cluster))).toBe(cluster);
      }),
      RUNS,
    );
  });
});

describe('a duration', () => {
  it('is the sum of its parts, in any order and number', () => {
    const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
    const parts = fc.array(fc.tuple(fc.nat({ max: 999 }), fc.constantFrom('ms', 's', 'm', 'h', 'd', 'w')), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(parts, (list) => {
        const total = list.reduce((sum, [count, unit]) => sum + count * units[unit as keyof typeof units], 0);
        expect(parseDuration(list.map(([count, unit]) => `${count}${unit}`).join(''))).toBe(total);
      }),
      RUNS,
    );
  });

  it('is written so that writing it again after reading changes nothing', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e13 }), (ms) => {
        const text = formatDuration(ms);
        expect(formatDuration(parseDuration(text))).toBe(text);
        expect(parseDuration(text)).toBeLessThanOrEqual(ms);
      }),
      RUNS,
    );
  });
});

describe('a host and port', () => {
  it('is refused with a port that no listener can have', () => {
    fc.assert(
      fc.property(label, fc.oneof(fc.constant(0), fc.integer({ min: 65_536 }), fc.integer({ max: -1 }), fc.double({ min: 0.1, max: 0.9 })), (host, port) => {
        expect(refusalOf(() => parseHostPort(`${host}x:${port}`))).toBe('invalid_argument');
      }),
      RUNS,
    );
  });

  it('reads back from what is written, IPv6 in its one canonical form', () => {
    fc.assert(
      fc.property(fc.oneof(ip4.map(formatIp4), ip6.map(formatIp6), label.map((text) => `${text}.example`)), fc.integer({ min: 1, max: 65_535 }), (host, port) => {
        expect(parseHostPort(formatHostPort({ host, port }))).toEqual({ host, port });
      }),
      RUNS,
    );
  });
});

const joinParts = fc.record({
  id: fc.stringMatching(/^[0-9a-f]{16}$/),
  secret: base64url(22, 'AQgw'),
  pins: fc.uniqueArray(base64url(43, 'AEIMQUYcgkosw048'), { minLength: 1, maxLength: 2 }),
  endpoints: fc.array(fc.record({ host: fc.oneof(ip4.map(formatIp4), ip6.map(formatIp6)), port: fc.integer({ min: 1, max: 65_535 }) }), { minLength: 1, maxLength: 8 }),
});

describe('a join string', () => {
  it('with one character gone is refused, or another string than the one that was made, and its secret is never told', () => {
    fc.assert(
      fc.property(joinParts, fc.nat(), ({ id, secret, pins, endpoints }, n) => {
        const text = formatJoinString({ token: { id, secret: new Secret(secret) }, pins, endpoints }).reveal();
        const cut = text.slice(0, n % text.length) + text.slice((n % text.length) + 1);
        try {
          expect(formatJoinString(parseJoinString(cut)).reveal()).not.toBe(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'join_string_invalid' });
          expect((error as Error).message).not.toContain(secret.slice(0, 12));
        }
      }),
      RUNS,
    );
  });

  it('reads back from what is written, blanks around it or not', () => {
    fc.assert(
      fc.property(joinParts, fc.constantFrom('', '\n', ' \t'), ({ id, secret, pins, endpoints }, blank) => {
        const text = formatJoinString({ token: { id, secret: new Secret(secret) }, pins, endpoints }).reveal();
        const read = parseJoinString(`${blank}${text}${blank}`);
        expect({ ...read, token: { id: read.token.id, secret: read.token.secret.reveal() } }).toEqual({ token: { id, secret }, pins, endpoints });
        expect(text.length).toBeLessThanOrEqual(MAX_JOIN_STRING);
      }),
      RUNS,
    );
  });
});

describe('a secret', () => {
  it('is in nothing that is printed, joined, serialised or spread', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_-]{8,40}$/).filter((text) => !'[redacted]'.includes(text)), (text) => {
        const secret = new Secret(text);
        const shown = [`${String(secret)}`, [secret].join(), JSON.stringify({ a: [secret] }), JSON.stringify({ ...secret }), Object.values(secret).join(), JSON.stringify(Object.getOwnPropertyNames(secret))];
        expect(shown.join('\n')).not.toContain(text);
        expect(secret.reveal()).toBe(text);
      }),
      RUNS,
    );
  });
});

describe('a node name', () => {
  it('made from any host name is a label or nothing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.domain(), fc.string({ unit: 'binary' })), (host) => {
        const made = labelFrom(host);
        if (made !== '') expect(refusalOf(() => parseNodeName(made))).toBe('parsed');
      }),
      RUNS,
    );
  });

  it('keeps being a name in every variant, and no two variants are the same', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/), fc.integer({ min: 2, max: 10_000 }), (text, n) => {
        const name = parseNodeName(text);
        expect(refusalOf(() => parseNodeName(nameVariant(name, n)))).toBe('parsed');
        expect(nameVariant(name, n)).not.toBe(nameVariant(name, n + 1));
        expect(nameVariant(name, 1)).toBe(name);
      }),
      RUNS,
    );
  });
});

const labels = fc.array(fc.uint8Array({ minLength: 1, maxLength: 63, size: 'max' }), { maxLength: 6, size: 'max' });
const names = labels.map((list) => nameOfLabels(list)).filter((name): name is DnsName => name !== undefined);

describe('a DNS name', () => {
  it('is none with more octets than the wire has room for', () => {
    fc.assert(
      fc.property(labels, (list) => {
        const octets = list.reduce((sum, each) => sum + each.length + 1, 1);
        expect(nameOfLabels(list) === undefined).toBe(octets > 255);
      }),
      RUNS,
    );
  });

  it('of any octets reads back from its text, with the final dot or without', () => {
    fc.assert(
      fc.property(names, (name) => {
        expect(parseDnsName(name)).toBe(name);
        expect(parseDnsName(`${name}.`)).toBe(name);
      }),
      RUNS,
    );
  });

  it('comes after its parent in the order of DNSSEC, and the order is the same from both sides', () => {
    fc.assert(
      fc.property(names, names, names, (a, b, c) => {
        const parent = parentOf(a);
        if (parent !== undefined) expect(compareDnsNames(parent, a)).toBeLessThan(0);
        expect(Math.sign(compareDnsNames(a, b)) + Math.sign(compareDnsNames(b, a))).toBe(0);
        const [least, , most] = [a, b, c].sort(compareDnsNames);
        expect(compareDnsNames(least!, most!)).toBeLessThanOrEqual(0);
        expect(compareDnsNames(a, b) === 0).toBe(a === b);
      }),
      RUNS,
    );
  });
});

describe('a record added by hand', () => {
  const zone: RecordContext = {
    holderOf: () => undefined,
    apexOf: (name) => (isWithin(name, parseDnsName('nc.internal')) ? parseDnsName('nc.internal') : undefined),
    pointerTo: () => undefined,
    typesAt: (name) => new Set(name === 'alias.nc.internal' ? ['CNAME'] : name === 'full.nc.internal' ? ['A'] : []),
  };

  it('is refused outside of the zone, whatever its type and text', () => {
    fc.assert(
      fc.property(fc.domain(), fc.constantFrom(...ADDABLE_TYPES), hostile, (name, type, value) => {
        expect(refusalOf(() => checkRecord({ id: 'r', name, type, ttlSeconds: 60, value }, zone))).toBe('invalid_argument');
      }),
      RUNS,
    );
  });

  it('never stands beside an alias, and an alias never beside a record', () => {
    fc.assert(
      fc.property(ip4, label, (ip, target) => {
        const added = (name: string, type: string, value: string): string => refusalOf(() => checkRecord({ id: 'r', name, type, ttlSeconds: 60, value }, zone));
        expect(added('alias.nc.internal', 'A', formatIp4(ip))).toBe('invalid_argument');
        expect(added('full.nc.internal', 'CNAME', `${target}.example`)).toBe('invalid_argument');
        expect(added('free.nc.internal', 'CNAME', `${target}.example`)).toBe('parsed');
        for (const type of ['MX', 'NS']) expect(added('nc.internal', type, type === 'MX' ? '10 alias.nc.internal' : 'alias.nc.internal')).toBe('invalid_argument');
      }),
      { ...RUNS, numRuns: 50 },
    );
  });

  it('with a TTL that no record can have is refused', () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer({ max: -1 }), fc.double({ min: 0.1, max: 0.9 }), fc.integer({ min: 2 ** 31, max: 2 ** 40 }), fc.constantFrom(NaN, Infinity)), (ttlSeconds) => {
        expect(refusalOf(() => checkRecord({ id: 'r', name: 'www.nc.internal', type: 'A', ttlSeconds, value: '10.0.0.1' }, zone))).toBe('invalid_argument');
      }),
      RUNS,
    );
  });

  it('keeps every character of a text, cut into strings of at most 255 octets', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 900 }).filter((text) => !text.startsWith('"') && text.length <= 4096), (text) => {
        const data = parseRecordData('TXT', text);
        const texts = data.type === 'TXT' ? data.texts : [];
        expect(texts.join('')).toBe(text);
        for (const each of texts) expect(utf8Length(each)).toBeLessThanOrEqual(255);
      }),
      RUNS,
    );
  });

  it('counts octets as an encoder does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(utf8Length(text)).toBe(Buffer.byteLength(text));
      }),
      RUNS,
    );
  });
});
