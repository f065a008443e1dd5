import { createSocket } from 'node:dgram';
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { DnsCounters } from '../../../src/server/dns/counters.js';
import { DnsService } from '../../../src/server/dns/dns-service.js';
import type { DnsAddress } from '../../../src/platform/dns/query-handler.js';
import type { Enclosure, Upstream } from '../../../src/platform/dns/upstream.js';
import { ManualClock } from '../../support/clock.js';
import { aQuery, defaultNetwork, dig, put, read, startTestDns } from '../../support/dns.js';
import { answering, startNameServer, type Script } from '../../support/name-server.js';
import { until } from '../../support/until.js';

const works: Script = (query) => answering(query, [{ type: 'A', name: query.questions![0]!.name, ttl: 300, data: '192.0.2.7' }]);

function serviceWith(...upstreams: Upstream[]) {
  return serviceFor({ upstreams });
}

function serviceFor(options: { upstreams: Upstream[]; enclosures?: Enclosure[] }) {
  const clock = new ManualClock();
  const service = new DnsService({ serveStaleMs: 0, enclosures: [], ...options, zone: 'nc.internal', counters: new DnsCounters(), clock, log: silentLog });
  service.apply({ revision: 7n, changes: [{ kind: 'network', network: defaultNetwork }, put.node()] });
  const ask = (query: Buffer, address = '10.66.0.5', via: 'udp' | 'tcp' = 'udp') =>
    new Promise<Buffer | undefined>((resolve) => service.handle(query, { via, address }, resolve)).then(read);
  return { ask, clock, service };
}

/** A port of 127.0.0.1 where nobody listens. */
async function deadAddress(): Promise<DnsAddress> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  socket.close();
  return { host: '127.0.0.1', port };
}

describe('nothing is asked of others', () => {
  it.each(['192.0.2.1', '10.67.0.1', '2001:db8::1', 'fe80::1%eth0'])('for a stranger at %s', async (stranger) => {
    const upstream = await startNameServer(works);

    const answer = await serviceWith(upstream.address).ask(aQuery('example.com'), stranger);

    expect(answer).toMatchObject({ rcode: 'REFUSED', flag_ra: false });
    expect(upstream.asked).toEqual([]);
  });

  it.each(['web-1.default.nc.internal', 'nobody.default.nc.internal', 'NC.internal', 'x.y.z.svc.nc.internal', '9.0.66.10.in-addr.arpa'])('about %s, which is ours', async (name) => {
    const upstream = await startNameServer(works);

    const answer = await serviceWith(upstream.address).ask(aQuery(name));

    expect(answer.flag_aa).toBe(true);
    expect(upstream.asked).toEqual([]);
  });

  it('for a query that does not want recursion', async () => {
    const upstream = await startNameServer(works);
    const query = aQuery('example.com');
    query[2] = 0;

    expect(await serviceWith(upstream.address).ask(query)).toMatchObject({ rcode: 'REFUSED' });
    expect(upstream.asked).toEqual([]);
  });

  it.each([
    ['a.corp.example', 'A', 'NXDOMAIN'],
    ['CORP.example', 'TXT', 'NXDOMAIN'],
    ['half.example', 'A', 'NXDOMAIN'],
    ['half.example', 'TXT', 'NOERROR'],
    ['xcorp.example', 'A', 'NOERROR'],
  ] as const)('about %s %s, if it is enclosed: %s', async (name, type, rcode) => {
    const upstream = await startNameServer((query) => answering(query, []));
    const { ask } = serviceFor({ upstreams: [upstream.address], enclosures: [{ suffix: 'corp.example' }, { suffix: 'half.example', types: ['A'] }] });

    expect(await ask(aQuery(name, type))).toMatchObject({ rcode });
    expect(upstream.asked).toHaveLength(rcode === 'NOERROR' ? 1 : 0);
  });

  it('that no server is named for', async () => {
    const upstream = await startNameServer(works);

    expect(await serviceWith({ ...upstream.address, suffix: 'corp.example' }).ask(aQuery('example.com'))).toMatchObject({ rcode: 'REFUSED' });
    expect(upstream.asked).toEqual([]);
  });

  it('without name servers to ask', async () => {
    expect(await serviceWith().ask(aQuery('example.com'))).toMatchObject({ rcode: 'REFUSED', flag_ra: false });
  });
});

describe('an answer of others is not believed', () => {
  const forged: Record<string, Script> = {
    'with another id': (query) => answering({ ...query, id: (query.id ?? 0) ^ 1 }, [{ type: 'A', name: 'example.com', data: '6.6.6.6' }]),
    'to another question': (query) => answering({ ...query, questions: [{ type: 'A', name: 'example.org' }] }, [{ type: 'A', name: 'example.com', data: '6.6.6.6' }]),
    'that is a query': (_query, _transport, bytes) => bytes,
    'of four octets': () => Buffer.from([1, 2, 3, 4]),
  };

  it.each(Object.keys(forged))('%s, and the right one after it is', async (kind) => {
    let real: Buffer | undefined;
    const upstream = await startNameServer((query, transport, bytes) => {
      real = works(query, transport, bytes);
      return forged[kind]!(query, transport, bytes);
    });
    const { ask } = serviceWith({ host: '127.0.0.1', port: await relayTo(upstream.address.port, () => real) });

    expect(await ask(aQuery('example.com'))).toMatchObject({ answers: [{ data: '192.0.2.7' }] });
  });

  it('that ends in the middle of a record', async () => {
    const upstream = await startNameServer((query, transport, bytes) => works(query, transport, bytes)!.subarray(0, -15));

    expect(await serviceWith(upstream.address).ask(aQuery('example.com'))).toMatchObject({ rcode: 'SERVFAIL', answers: [] });
  });
});

describe('other names', () => {
  it('are looked up for our own clients, under an id and a port that change', async () => {
    const upstream = await startNameServer(works);
    const { ask } = serviceWith(upstream.address);

    for (const address of ['10.66.0.5', 'fd00:66::5', '127.0.0.1', '::1']) {
      const name = `${address.replaceAll(':', 'x')}.Example.com`;
      expect(await ask(aQuery(name), address)).toMatchObject({
        id: 4711,
        flag_ra: true,
        flag_aa: false,
        questions: [{ name }],
        answers: [{ data: '192.0.2.7', ttl: 300 }],
        additionals: [],
      });
    }

    expect(new Set(upstream.asked.map(({ fromPort }) => fromPort)).size).toBe(4);
  });

  it('are asked of the next server when one is dead, silent, or cannot', async () => {
    const cannot = await startNameServer((query) => answering(query, [], 2));
    const second = await startNameServer(works);
    const { ask } = serviceWith(await deadAddress(), cannot.address, second.address);

    expect(await ask(aQuery('example.com'))).toMatchObject({ answers: [{ data: '192.0.2.7' }] });
    await ask(aQuery('example.net'));

    expect(cannot.asked).toHaveLength(1);
    expect(second.asked).toHaveLength(2);
  });

  it('are asked of the first server again when it has rested', async () => {
    let broken = true;
    const first = await startNameServer((query, transport, bytes) => (broken ? answering(query, [], 5) : works(query, transport, bytes)));
    const second = await startNameServer(works);
    const { ask, clock } = serviceWith(first.address, second.address);
    await ask(aQuery('example.com'));
    broken = false;

    clock.advance(10_001);
    await ask(aQuery('example.net'));

    expect([first.asked.length, second.asked.length]).toEqual([2, 1]);
  });

  it('end in SERVFAIL when no server answers', async () => {
    const silent = await startNameServer(() => undefined);

    expect(await serviceWith(await deadAddress(), silent.address).ask(aQuery('example.com'))).toMatchObject({ rcode: 'SERVFAIL', flag_ra: true });
  });

  it('are asked again over TCP when the answer was cut, and cut anew for a client on UDP', async () => {
    const texts = Array.from({ length: 30 }, (_, i) => `${i}`.padStart(60, '.'));
    const upstream = await startNameServer((query, transport) => answering(query, transport === 'tcp' ? [{ type: 'TXT', name: 'example.com', ttl: 9, data: texts }] : [], transport === 'tcp' ? 0 : 0x200));
    const { ask } = serviceWith(upstream.address);

    expect(await ask(aQuery('example.com', 'TXT'))).toMatchObject({ flag_tc: true, answers: [] });
    expect(await ask(aQuery('example.com', 'TXT'), '10.66.0.5', 'tcp')).toMatchObject({ flag_tc: false, answers: [{ type: 'TXT' }] });
    expect(upstream.asked.map(({ transport }) => transport)).toEqual(['udp', 'tcp']);
  });

  it('are asked of the servers named for the longest suffix, and of no other when those fail', async () => {
    const [rest, corp, lab] = [await startNameServer(works), await startNameServer(works), await startNameServer((query) => answering(query, [], 2))];
    const { ask } = serviceWith(rest.address, { ...corp.address, suffix: 'corp.example' }, { ...lab.address, suffix: 'lab.corp.example' });

    for (const name of ['example', 'a.corp.example', 'b.lab.corp.example']) await ask(aQuery(name));

    expect([rest, corp, lab].map(({ asked }) => asked.map(({ name }) => name))).toEqual([['example'], ['a.corp.example'], ['b.lab.corp.example']]);
  });

  it('that do not exist stay NXDOMAIN, and dig sees it all', async () => {
    const upstream = await startNameServer((query) => answering(query, [], 3));
    const { port } = await startTestDns({ upstreams: [upstream.address] });

    expect(await dig(port, 'nothing.example.com')).toMatch(/status: NXDOMAIN[^]*flags: qr rd ra;/);
  });
});

describe('the same query again and again', () => {
  /** Looked up, found among what is kept, and then repeated without being read. */
  const TIMES = 4;

  it('gets the kept answer under its own id, its TTL counted down', async () => {
    const upstream = await startNameServer(works);
    const { ask, clock } = serviceWith(upstream.address);

    const seen: unknown[] = [];
    for (let id = 1; id <= TIMES; id++) {
      const { id: own, answers, flag_ra: recursion } = await ask(aQuery('Example.com', 'A', id));
      seen.push([own, (answers![0] as { ttl: number }).ttl, recursion]);
      clock.advance(20_000);
    }

    expect(seen).toEqual([[1, 300, true], [2, 280, true], [3, 260, true], [4, 240, true]]);
    expect(upstream.asked).toHaveLength(1);
  });

  it('is asked anew in the last tenth of its time, and at its end', async () => {
    const upstream = await startNameServer(works);
    const { ask, clock } = serviceWith(upstream.address);
    for (let i = 0; i < TIMES; i++) await ask(aQuery('example.com'));

    clock.advance(271_000);
    expect(await ask(aQuery('example.com'))).toMatchObject({ answers: [{ ttl: 29 }] });
    await until(async () => (await ask(aQuery('example.com'))).answers!.some((answer) => 'ttl' in answer && answer.ttl === 300), 'the new answer');
    clock.advance(300_000);
    expect(await ask(aQuery('example.com'))).toMatchObject({ answers: [{ ttl: 300 }] });

    expect(upstream.asked).toHaveLength(3);
  });

  it('from a stranger is refused all the same', async () => {
    const upstream = await startNameServer(works);
    const { ask } = serviceWith(upstream.address);
    for (let i = 0; i < TIMES; i++) await ask(aQuery('example.com'));

    expect(await ask(aQuery('example.com'), '192.0.2.1')).toMatchObject({ rcode: 'REFUSED', answers: [] });
    expect(await ask(aQuery('example.com'))).toMatchObject({ answers: [{ data: '192.0.2.7' }] });
  });

  it('is answered from the zone once the name is ours, and from elsewhere when it is no longer', async () => {
    const upstream = await startNameServer(works);
    const { ask, service } = serviceWith(upstream.address);
    const query = aQuery('5.0.67.10.in-addr.arpa');
    for (let i = 0; i < TIMES; i++) await ask(query);

    service.apply({ revision: 8n, changes: [{ kind: 'network', network: { name: 'lab', cidr: '10.67.0.0/24', cidr6: '' } }] });
    expect(await ask(query)).toMatchObject({ rcode: 'NXDOMAIN', flag_aa: true });
    service.apply({ revision: 9n, changes: [{ kind: 'networkRemoved', name: 'lab' }] });

    expect(await ask(query)).toMatchObject({ flag_aa: false, answers: [{ data: '192.0.2.7' }] });
  });

  it('gets over UDP what fits, over TCP the whole, with EDNS an OPT record', async () => {
    const long: Script = (query, transport) => answering(query, transport === 'tcp' ? [{ type: 'TXT', name: 'example.com', ttl: 300, data: ['x'.repeat(200), 'y'.repeat(200), 'z'.repeat(100)] }] : [], transport === 'tcp' ? 0 : 0x200);
    const upstream = await startNameServer(long);
    const { ask } = serviceWith(upstream.address);
    const plain = aQuery('example.com', 'TXT');
    const edns = Buffer.concat([plain, Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0])]);
    edns[11] = 1;

    for (let i = 0; i < TIMES; i++) {
      expect(await ask(plain)).toMatchObject({ flag_tc: true, answers: [] });
      expect(await ask(plain, '10.66.0.5', 'tcp')).toMatchObject({ flag_tc: false, additionals: [], answers: [{ ttl: 300 }] });
      expect(await ask(edns)).toMatchObject({ flag_tc: false, additionals: [{ type: 'OPT' }], answers: [{ ttl: 300 }] });
    }
  });

  it('is counted and logged as answered from what is kept', async () => {
    const upstream = await startNameServer(works);
    const counters = new DnsCounters();
    const lines: unknown[] = [];
    const log = { ...silentLog, info: (_: string, fields?: object) => void lines.push(fields) };
    const service = new DnsService({ serveStaleMs: 0, enclosures: [], upstreams: [upstream.address], zone: 'nc.internal', counters, clock: new ManualClock(), log });
    service.logQueries(true);

    for (let i = 0; i < TIMES; i++) await new Promise((resolve) => service.handle(aQuery('example.com'), { via: 'udp', address: '127.0.0.1' }, resolve));

    expect(counters.read().sources).toMatchObject({ upstream: 1, upstreamCache: TIMES - 1 });
    expect(lines).toMatchObject([{ source: 'upstream' }, { source: 'upstreamCache' }, { source: 'upstreamCache' }, { source: 'upstreamCache', name: 'example.com', type: 'A', code: 'NOERROR' }]);
  });
});

/** A UDP port that passes a query on, and sends back what came first and then `after`. */
async function relayTo(port: number, after: () => Buffer | undefined): Promise<number> {
  const outside = createSocket('udp4');
  const inside = createSocket('udp4');
  let client: { port: number; address: string } | undefined;
  outside.on('message', (query, from) => {
    client = from;
    inside.send(query, port, '127.0.0.1');
  });
  inside.on('message', (forgery) => {
    outside.send(forgery, client!.port, client!.address);
    outside.send(after()!, client!.port, client!.address, () => {
      outside.close();
      inside.close();
    });
  });
  await new Promise<void>((resolve) => outside.bind(0, '127.0.0.1', resolve));
  return outside.address().port;
}
