import type { Answer } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { relayAnswer } from '../../../src/platform/dns/foreign-answer.js';
import { questionName, readQuery, type Query } from '../../../src/platform/dns/query.js';
import { Resolver } from '../../../src/server/dns/resolver.js';
import { ManualClock } from '../../support/clock.js';
import { aQuery, read } from '../../support/dns.js';
import { answering, startNameServer, type Script } from '../../support/name-server.js';
import { until } from '../../support/until.js';

const record = (ttl: number, data = '192.0.2.7'): Answer => ({ type: 'A', name: 'example.com', ttl, data });
const soa = (ttl: number, minimum: number): Answer => ({
  type: 'SOA',
  name: 'example.com',
  ttl,
  data: { mname: 'ns.example.com', rname: 'h.example.com', serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
});

async function resolverOf(script: Script, staleMs = 86_400_000) {
  const upstream = await startNameServer(script);
  const clock = new ManualClock();
  const resolver = new Resolver([upstream.address], staleMs, clock);
  const ask = async (bytes = aQuery('example.com')) => {
    const query = readQuery(bytes) as Query;
    const resolved = await resolver.resolve(query, questionName(query));
    return resolved && { source: resolved.source, ...read(relayAnswer(query, resolved.answer, 'udp', resolved.ttl)) };
  };
  return { ask, clock, asked: upstream.asked };
}

describe('an answer is asked for again', () => {
  it.each([
    ['a TTL of 0', [record(0)], 0],
    ['a TTL with its highest bit set (RFC 2181 §8)', [record(2 ** 31 + 5)], 0],
    ['a denial without SOA (RFC 2308 §5)', [], 3],
  ])('at once after %s', async (_, answers, rcode) => {
    const { ask, asked } = await resolverOf((query) => answering(query, answers, rcode));

    await ask();
    await ask();

    expect(asked).toHaveLength(2);
  });

  it.each([
    ['the least TTL of its records', [record(300), record(60, '192.0.2.8')], [], 60],
    ['the SOA\'s minimum for a denial', [], [soa(900, 30)], 30],
    ['the SOA\'s TTL for a denial, if that is less', [], [soa(20, 900)], 20],
    ['an hour for a denial at most', [], [soa(90_000, 90_000)], 3600],
    ['a day at most', [record(1_000_000)], [], 86_400],
  ])('after %s', async (_, answers, authorities, seconds) => {
    const { ask, clock, asked } = await resolverOf((query) => answering(query, answers, answers.length === 0 ? 3 : 0, authorities));
    await ask();

    clock.advance(seconds * 1000 * 0.5);
    expect((await ask())?.source).toBe('upstreamCache');
    clock.advance(seconds * 1000 * 0.5);
    await ask();

    expect(asked).toHaveLength(2);
  });

  it('for another type, class of wish, or name', async () => {
    const { ask, asked } = await resolverOf((query) => answering(query, [record(300)]));
    const checkingDisabled = aQuery('example.com');
    checkingDisabled[3] = 0x10;

    for (const query of [aQuery('example.com'), aQuery('example.com', 'AAAA'), checkingDisabled, aQuery('example.org')]) await ask(query);

    expect(asked).toHaveLength(4);
  });
});

describe('a kept answer', () => {
  it('counts its TTL down and carries the id and spelling of who asks now', async () => {
    const { ask, clock, asked } = await resolverOf((query) => answering(query, [record(300)]));
    await ask();

    clock.advance(100_900);
    const answer = await ask(aQuery('eXample.COM', 'A', 99));

    expect(answer).toMatchObject({ source: 'upstreamCache', id: 99, questions: [{ name: 'eXample.COM' }], answers: [{ ttl: 200 }] });
    expect(asked).toHaveLength(1);
  });

  it('is fetched once for many who ask at the same time', async () => {
    const { ask, asked } = await resolverOf((query) => answering(query, [record(300)]));

    const answers = await Promise.all(Array.from({ length: 50 }, (_, id) => ask(aQuery('example.com', 'A', id))));

    expect(asked).toHaveLength(1);
    expect(answers.map((answer) => answer?.id)).toEqual(Array.from({ length: 50 }, (_, id) => id));
  });

  it('is fetched anew shortly before it runs out, without anybody waiting', async () => {
    const { ask, clock, asked } = await resolverOf((query) => answering(query, [record(100)]));
    await ask();

    clock.advance(95_000);
    expect(await ask()).toMatchObject({ source: 'upstreamCache', answers: [{ ttl: 5 }] });
    await until(() => asked.length === 2, 'the second fetch');
    await until(async () => (await ask())?.answers?.some((answer) => 'ttl' in answer && answer.ttl === 100), 'the fresh answer');
  });

  it('stands in for a day when nobody answers any more, and not longer', async () => {
    let broken = false;
    const { ask, clock } = await resolverOf((query) => answering(query, broken ? [] : [record(60)], broken ? 2 : 0));
    await ask();
    broken = true;

    clock.advance(3_600_000);
    expect(await ask()).toMatchObject({ source: 'upstreamStale', answers: [{ ttl: 30, data: '192.0.2.7' }] });
    clock.advance(86_400_000);
    expect(await ask()).toBeUndefined();
  });

  it('does not stand in when that is not wanted', async () => {
    let broken = false;
    const { ask, clock } = await resolverOf((query) => answering(query, broken ? [] : [record(60)], broken ? 2 : 0), 0);
    await ask();
    broken = true;

    clock.advance(60_000);

    expect(await ask()).toBeUndefined();
  });

  it('gives way to a fresh denial', async () => {
    let gone = false;
    const { ask, clock } = await resolverOf((query) => (gone ? answering(query, [], 3, [soa(60, 60)]) : answering(query, [record(60)])));
    await ask();
    gone = true;

    clock.advance(60_000);

    expect(await ask()).toMatchObject({ source: 'upstream', rcode: 'NXDOMAIN' });
  });
});
