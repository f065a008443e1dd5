import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatCidr4, formatCidr6 } from '../../../src/domain/cidr.js';
import { parseServerConfig, type ServerConfig } from '../../../src/platform/config/server-config.js';

const MANUAL = readFileSync(new URL('../../../server.yml', import.meta.url), 'utf8');
const parse = (body: string): ServerConfig => parseServerConfig(`server:\n  ${body.replaceAll('\n', '\n  ')}\n`, '/etc/nc/server.yml');

/** The keys that a group knows, as the refusal of an unknown one lists them. */
function keysOf(text: string): string[] {
  try {
    parseServerConfig(text, 'x.yml');
  } catch (error) {
    return /known here: ([^;]*)/.exec((error as Error).message)?.[1]?.split(', ') ?? [];
  }
  return [];
}

describe('parseServerConfig refuses', () => {
  it.each([
    ['a client’s file', 'mode: client', 'mode'],
    ['a key of LiteKube that has no meaning here', 'server:\n  tlsDir: x', 'server.tlsDir: unknown key'],
  ])('%s', (_what, text, message) => {
    expect(() => parseServerConfig(text, 'server.yml')).toThrow(expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining(message) }));
  });

  it.each([
    ['grpcPort: 70000', 'server.yml:2: server.grpcPort: want a whole number from 0 to 65535, got 70000'],
    ['store: { engine: postgres }', 'server.store.engine: want "sqlite" or "etcd", got "postgres"'],
    ['store: { engine: etcd }', 'server.store.endpoints: want the members of etcd, since that is the engine, got none'],
    ['store: { endpoints: ["https://e:2379"] }', 'server.store.engine: want "etcd", since endpoints of it are named, got "sqlite"'],
    ['store: { engine: etcd, endpoints: ["https://e:2379"], ca: a, cert: b }', 'server.store.key: want a file in PEM, since etcd is asked over TLS, got nothing'],
    ['store: { engine: etcd, endpoints: ["http://192.0.2.1:2379"] }', 'server.store.endpoints.0: want https, since it is not on loopback, got "http://192.0.2.1:2379"'],
    ['store: { engine: etcd, endpoints: ["https://e"] }', 'server.store.endpoints.0: want an address with port like "https://etcd1.example:2379", got "https://e"'],
    ['store: { requestTimeout: 50ms }', 'server.store.requestTimeout: want at least 100ms'],
    ['port: 1.5', 'server.port: want a whole number'],
    ['grpcPort: "6440"', 'server.grpcPort: want a whole number from 0 to 65535, got "6440"'],
    ['grpcPort: 7000\nbootstrapPort: 7000', 'server.yml:3: server.bootstrapPort: want another port than grpcPort, got 7000 for both'],
    ['grpcPort: 7000\nhttpsPort: 7000', 'server.yml:3: server.httpsPort: want another port than grpcPort, got 7000 for both'],
    ['bootstrapPort: 7000\nhttpsPort: 7000', 'server.yml:3: server.httpsPort: want another port than bootstrapPort, got 7000 for both'],
    ['dns: { http: ["0.0.0.0:8053"] }', 'server.yml:2: server.dns.http.0: want an address of loopback, since nothing is encrypted, got "0.0.0.0:8053"'],
    ['dns: { https: everyone }', 'server.yml:2: server.dns.https: want "members", "anyone" or "nobody", got "everyone"'],
    ['dns: { tls: ["nc.example"] }', 'server.dns.tls.0: want an address with port'],
    ['httpsPort: 70000', 'server.yml:2: server.httpsPort: want a whole number from 0 to 65535, got 70000'],
    ['bindAddress: localhost', 'server.bindAddress: want an address of this machine'],
    ['ip: "not a host"', 'server.ip: want an address or host name, got "not a host"'],
    ['ip: 300.1.1.1', 'server.ip: want'],
    ['networkAddr: 10.66.0.0', 'server.networkAddr: want a network like 10.66.0.0/24, got "10.66.0.0"'],
    ['networkAddr: 10.66.0.256/24', 'server.networkAddr: '],
    ['networkAddr: 010.66.0.0/24', 'server.networkAddr: '],
    ['networkAddr: 10.66.0.0/31', 'server.networkAddr: want a prefix from /8 to /30, got 10.66.0.0/31'],
    ['networkAddr: 10.66.0.0/33', 'server.networkAddr: want a network'],
    ['networkAddr: 1.0.0.0/4', 'server.networkAddr: want a prefix from /8 to /30'],
    ['networkAddr6: fd00:66::/121', 'want an IPv6 prefix of /120 or shorter beside 10.66.0.0/24, got /121'],
    ['networkAddr6: 10.0.0.0/24', 'server.networkAddr6: '],
    ['mtu: 100', 'server.mtu: want a whole number from 576 to 65535, got 100'],
    ['mtu: 1200\nnetworkAddr6: fd00:66::/64', 'want an MTU of at least 1280 with IPv6, got 1200'],
    ['networks: [{ name: Lab, cidr: 10.67.0.0/24 }]', 'server.networks.0.name: want a lower-case DNS label'],
    ['networks: [{ name: svc, cidr: 10.67.0.0/24 }]', 'server.networks.0.name: want another name than "svc", under which the services stand in DNS'],
    ['services: [{ name: Registry, address: 192.0.2.1, port: 80 }]', 'server.services.0.name: want a lower-case DNS label'],
    ['services: [{ name: registry, address: registry.example, port: 80 }]', 'server.services.0.address: want an IPv4 or IPv6 address'],
    ['services: [{ name: registry, address: 192.0.2.1, port: 70000 }]', 'server.services.0.port: want a whole number from 0 to 65535'],
    ['services: [{ name: registry, address: 192.0.2.1, port: 80, channel: nightly }]', 'server.services.0.channel: want stable, beta or alpha'],
    ['services: [{ name: registry, address: 192.0.2.1, port: 80, network: lab }]', 'server.services.0.network: want one of default, got "lab"'],
    ['services:\n  - { name: a, address: 192.0.2.1, port: 80 }\n  - { name: a, address: 192.0.2.1, port: 80 }', 'server.services.1.id: want an id of its own, got "a-192-0-2-1-80" again'],
    ['networks: [{ name: lab }]', 'server.networks.0.cidr: want a value, got nothing'],
    ['networks: [{ name: default, cidr: 10.67.0.0/24 }]', 'want a name of its own, got "default" again'],
    ['networks:\n  - { name: lab, cidr: 10.66.0.128/25 }', 'server.yml:3: server.networks.0: want networks without a common address, got 10.66.0.128/25 of "lab" beside 10.66.0.0/24 of "default"'],
    ['networkAddr6: fd00::/64\nnetworks: [{ name: lab, cidr: 10.67.0.0/24, cidr6: "fd00::/96" }]', 'want networks without a common address, got fd00::/96'],
    ['zone: "-nc"', 'server.zone: want a domain like "nc.internal"'],
    ['dns: { listen: ["localhost:53"] }', 'server.dns.listen.0: want an address with port like'],
    ['dns: { enclosures: ["a..b"] }', 'server.dns.enclosures.0: want a domain name'],
    ['dns: { records: [{ name: www.example.com, type: A, value: 10.0.0.1 }] }', 'server.dns.records.0: want a name inside the zone (RFC 1034 §4.2), got "www.example.com A"'],
    ['dns: { records: [{ name: a.nc.internal, type: A, value: 10.0.0.1 }, { name: a.nc.internal, type: CNAME, value: b.example }] }', 'server.dns.records.1: want an alias alone'],
    ['dns: { upstreams: ["9.9.9.9:99999"] }', 'server.dns.upstreams.0: want an address with port'],
    ['tokens: { defaultExpire: 10 }', 'server.tokens.defaultExpire: want a duration like "10m", or "never", got 10'],
    ['tokens: { sweepInterval: 0s }', 'server.tokens.sweepInterval: want at least 1s'],
    ['addresses: { quarantine: 10 m }', 'server.addresses.quarantine: want a duration'],
    ['certificates: { grpc: never }', 'server.certificates.grpc: want a duration'],
    ['limits: { connectionsPerSource: 0 }', 'server.limits.connectionsPerSource: want a whole number from 1'],
    ['limits: { messageBytes: 12 }', 'server.limits.messageBytes: want'],
    ['metrics: { listen: localhost }', 'server.metrics.listen: want an address with port'],
    ['metrics: { listen: "127.0.0.1:99999" }', 'server.metrics.listen: want an address with port'],
    ['dns: { upstreams: ["tls://9.9.9.9"] }', 'server.dns.upstreams.0: want the name in its certificate after "#"'],
    ['dns: { upstreams: ["tls://dns.quad9.net#dns.quad9.net"] }', 'server.dns.upstreams.0: want an address with port'],
    ['dns: { upstreams: ["https://9.9.9.9"] }', 'server.dns.upstreams.0: want an address with port'],
    ['dns: { upstreams: [7] }', 'server.dns.upstreams.0: want an address like'],
    ['dns: { upstreams: [{ suffix: corp.example }] }', 'server.dns.upstreams.0.server: want a value'],
    ['dns: { upstreams: [{ server: 10.0.0.1, suffix: "a..b" }] }', 'server.dns.upstreams.0.suffix: want a domain'],
    ['dns: { serveStale: -1h }', 'server.dns.serveStale: want'],
    ['dns: { records: [{ name: a.nc.internal, type: A, value: 10.0.0.1, network: lab }] }', 'server.dns.records.0: want a network of this server, got "lab"'],
    ['dns: { records: [{ name: web-1.default.nc.internal, type: CNAME, value: a.example }] }', 'not kept for the nodes of network default (RFC 1034 §3.6.2)'],
    ['httpsPort: "6442"', 'server.httpsPort: want a whole number from 0 to 65535, got "6442"'],
    ['dns: { http: ["10.0.0.1:80"] }', 'server.dns.http.0: want an address of loopback'],
    ['dns: { http: ["localhost:80"] }', 'server.dns.http.0: want an address with port'],
    ['dns: { http: ["[::]:80"] }', 'server.dns.http.0: want an address of loopback'],
    ['dns: { tls: ["127.0.0.1:65536"] }', 'server.dns.tls.0: want an address with port'],
    ['dns: { tls: "127.0.0.1" }', 'server.dns.tls: want'],
    ['dns: { https: true }', 'server.dns.https: want "members", "anyone" or "nobody", got true'],
    ['dns: { recordsFile: [a.yml] }', 'server.dns.recordsFile: want'],
    ['dns: { sign: "yes" }', 'server.dns.sign: want'],
    ['dns: { upstreams: ["tls://9.9.9.9#a#b"] }', 'server.dns.upstreams.0: want the name in its certificate after "#"'],
    ['dns: { upstreams: ["tls://9.9.9.9:99999#a"] }', 'server.dns.upstreams.0: want an address with port'],
    ['dns: { upstreams: ["resolver.example"] }', 'server.dns.upstreams.0: want an address with port'],
    ['dns: { upstreams: [{ server: 10.0.0.1, sufix: a.example }] }', 'did you mean "suffix"?'],
    ['dns: { upstreams: [{ server: "tls://10.0.0.1#a", ca: 7 }] }', 'server.dns.upstreams.0.ca: want a file, got 7'],
    ['metrics: { listen: 9100 }', 'server.metrics.listen: want an address with port'],
    ['metrics: { listen: "127.0.0.1:" }', 'server.metrics.listen: want an address with port'],
    ['services: [{ name: a, port: 80 }]', 'server.services.0.address: want'],
    ['services: [{ name: a, address: 192.0.2.1, port: 80, ttl: 0s }]', 'server.services.0.ttl: want at least 1s'],
    ['services: [{ name: a, address: 192.0.2.1, port: 80, ttl: 8d }]', 'server.services.0.ttl: want at most 7d'],
    ['services: [{ name: a, address: 192.0.2.1, port: 80, protocol: sctp }]', 'server.services.0.protocol: want tcp or udp'],
    ['services: [{ name: a, address: 192.0.2.1, port: 80, role: king }]', 'server.services.0.role: want primary or replica'],
    ['services: [{ name: a, address: 192.0.2.1, port: 80, weight: -1 }]', 'server.services.0.weight: want a whole number from 0 to 65535, got -1'],
    ['services:\n  - { name: a, id: x, address: 192.0.2.1, port: 80 }\n  - { name: b, id: x, address: 192.0.2.2, port: 81 }', 'server.services.1.id: want an id of its own, got "x" again'],
    ['limits: { conections: 5 }', 'did you mean "connections"?'],
  ])('%j', (body, message) => {
    expect(() => parse(body)).toThrow(expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining(message) }));
  });
});

describe('parseServerConfig', () => {
  it('takes a host address for its network, as LiteKube writes it', () => {
    const [network] = parse('networkAddr: 10.1.1.1/24').networks;

    expect(formatCidr4(network!.cidr)).toBe('10.1.1.0/24');
  });

  it('takes one address where a list may stand, as LiteKube writes it', () => {
    expect(parse('ip: 203.0.113.7').ip).toEqual(['203.0.113.7']);
  });

  it('gives further networks what the first one says unless they say otherwise', () => {
    const config = parse('mtu: 1400\ninterconnection: false\nnetworks:\n  - { name: lab, cidr: 10.67.0.0/24, cidr6: "fd00:67::/64", interconnection: true }');

    expect(config.networks.map(({ name, mtu, interconnection }) => ({ name, mtu, interconnection }))).toEqual([
      { name: 'default', mtu: 1400, interconnection: false },
      { name: 'lab', mtu: 1400, interconnection: true },
    ]);
    expect(formatCidr6(config.networks[1]!.cidr6!)).toBe('fd00:67::/64');
  });

  it('finds folders beside its file', () => {
    const config = parse('workDir: data\nlogDir: /var/log/nc\nadminSocket: run/admin.sock');

    expect(config).toMatchObject({ workDir: '/etc/nc/data', logDir: '/var/log/nc', adminSocket: '/etc/nc/run/admin.sock' });
  });

  it('reads addresses with and without port, of both families', () => {
    expect(parse('dns: { listen: ["127.0.0.1:5353", "::1", "[::1]:54"], upstreams: [9.9.9.9] }').dns).toMatchObject({
      listen: [{ host: '127.0.0.1', port: 5353 }, { host: '::1', port: 53 }, { host: '::1', port: 54 }],
      upstreams: [{ host: '9.9.9.9', port: 53 }],
    });
  });

  it('takes resolvers by address, over TLS, for a suffix, and with a CA beside its file', () => {
    const { upstreams, serveStaleMs } = parse('dns: { upstreams: ["[2620:fe::fe]:5353", "tls://9.9.9.9#dns.quad9.net", { server: "tls://10.0.0.1:8853#dns.corp.example", suffix: Corp.Example., ca: corp.pem }], serveStale: 0s }').dns;

    expect(upstreams).toEqual([
      { host: '2620:fe::fe', port: 5353, suffix: undefined, tls: undefined },
      { host: '9.9.9.9', port: 853, suffix: undefined, tls: { name: 'dns.quad9.net', caFile: undefined } },
      { host: '10.0.0.1', port: 8853, suffix: 'corp.example', tls: { name: 'dns.corp.example', caFile: '/etc/nc/corp.pem' } },
    ]);
    expect(serveStaleMs).toBe(0);
  });

  it('tells monitors at an address with or without port, or nowhere', () => {
    expect(parse('').metrics).toEqual({ listen: { host: '127.0.0.1', port: 6438 } });
    expect(parse('metrics: { listen: "[::1]:9000" }').metrics).toEqual({ listen: { host: '::1', port: 9000 } });
    expect(parse('metrics: { listen: 10.0.0.1 }').metrics).toEqual({ listen: { host: '10.0.0.1', port: 6438 } });
    expect(parse('metrics: { listen: "" }').metrics).toEqual({ listen: undefined });
  });

  it('reads a token life of never', () => {
    expect(parse('tokens: { defaultExpire: never }').tokens.defaultExpireMs).toBe(-1);
  });

  it('gives a value that nobody can change', () => {
    const config = parse('networks: []');

    for (const part of [config, config.ip, config.networks, config.networks[0]!, config.networks[0]!.cidr, config.tokens, config.limits, config.dns.listen]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });
});

describe('server.yml', () => {
  it('says exactly the defaults', () => {
    expect(parseServerConfig(MANUAL, '/etc/nc/server.yml')).toEqual(parseServerConfig('', '/etc/nc/server.yml'));
  });

  it.each<[string, string]>([
    ['', 'zzzzzzzzzzzz: 1'],
    ['server', 'server: { zzzzzzzzzzzz: 1 }'],
    ['networks', 'server: { networks: [{ name: a, cidr: 10.0.0.0/24, zzzzzzzzzzzz: 1 }] }'],
    ['snapshots.s3', 'server: { snapshots: { s3: { zzzzzzzzzzzz: 1 } } }'],
    ...['dns', 'tokens', 'addresses', 'certificates', 'limits', 'snapshots', 'events', 'metrics'].map((group): [string, string] => [group, `server: { ${group}: { zzzzzzzzzzzz: 1 } }`]),
  ])('mentions every key of "%s"', (_group, text) => {
    const keys = keysOf(text);

    expect(keys).not.toEqual([]);
    for (const key of keys) expect(MANUAL).toMatch(new RegExp(`^[ #-]*${key}:`, 'm'));
  });

  it('still reads when every commented key is uncommented', () => {
    const all = MANUAL.replace(/^ {2}# ((?: {2}- | {4})?[A-Za-z0-9]+:(?: \S+)?)$/gm, '  $1').replace('  networks: []\n', '');

    expect(parseServerConfig(all, '/etc/nc/server.yml')).toMatchObject({ adminSocket: '/run/nc/admin.sock', networks: [{}, { name: 'lab', interconnection: false }] });
  });
});
