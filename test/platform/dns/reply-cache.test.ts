import { describe, expect, it } from 'vitest';
import { Zone } from '../../../src/domain/zone.js';
import { SigningKey } from '../../../src/platform/dns/dnssec/signing-key.js';
import { Signer } from '../../../src/platform/dns/dnssec/signer.js';
import { NOT_KNOWN, ReplyCache } from '../../../src/platform/dns/reply-cache.js';
import { Responder } from '../../../src/platform/dns/responder.js';
import { ManualClock } from '../../support/clock.js';
import { aQuery, defaultNetwork, put, read } from '../../support/dns.js';

const ROUNDS = 4;

function start() {
  const zone = new Zone('nc.internal');
  for (const change of [{ kind: 'network' as const, network: defaultNetwork }, put.node(), put.service(), put.service({ id: 'i2', address: '10.66.0.9' })]) zone.apply(change);
  const responder = new Responder(zone);
  const ask = (query: Buffer, transport: 'udp' | 'tcp' = 'udp', recursion = false): Buffer => {
    const reply = responder.answer(query, transport, recursion);
    if (reply.kind !== 'answer') throw new Error(`want an answer, got ${reply.kind}`);
    return reply.message;
  };
  return { zone, responder, ask };
}

function changed(query: Buffer, offset: number, value: number): Buffer {
  const copy = Buffer.from(query);
  copy[offset] = value;
  return copy;
}

function withOpt(query: Buffer, flags: number, ...options: number[]): Buffer {
  return changed(Buffer.concat([query, Buffer.from([0, 0, 41, 4, 208, 0, 0, flags, 0, options.length >> 8, options.length & 0xff, ...options])]), 11, 1);
}

const node = aQuery('web-1.default.nc.internal');
const variants: [what: string, query: Buffer][] = [
  ['a plain query', node],
  ['without the wish for recursion', changed(node, 2, 0)],
  ['with checking disabled', changed(node, 3, 0x10)],
  ['in another spelling', aQuery('WEB-1.Default.nc.internal')],
  ['with EDNS', withOpt(node, 0)],
  ['with the wish for signatures', withOpt(node, 0x80)],
  ['with an option', withOpt(node, 0, 0, 10, 0, 2, 1, 2)],
  ['about what does not exist', aQuery('nobody.default.nc.internal')],
  ['longer than what is kept', withOpt(node, 0, 0, 12, 0, 200, ...Array.from({ length: 200 }, () => 0))],
];

describe('a query that comes again', () => {
  it.each(variants)('%s, gets the same octets under its own id', (_, query) => {
    const { ask } = start();
    const first = ask(query);

    for (let id = 1; id <= ROUNDS; id++) {
      const again = ask(changed(query, 1, id));
      expect(again.subarray(0, 2)).toEqual(Buffer.from([query[0]!, id]));
      expect(again.subarray(2)).toEqual(first.subarray(2));
    }
  });

  it('gets what is its own, whatever others asked before', () => {
    const { ask } = start();
    for (let round = 0; round < ROUNDS; round++) for (const [, query] of variants) ask(query);

    for (const [, query] of variants) expect(ask(query)).toEqual(start().ask(query));
  });

  it('over another transport, or from somebody else, gets what is good there', () => {
    const { ask } = start();
    for (let round = 0; round < ROUNDS; round++) ask(node);

    expect(read(ask(node, 'udp', true)).flag_ra).toBe(true);
    expect(read(ask(node, 'tcp')).flag_ra).toBe(false);
    expect(read(ask(node)).flag_ra).toBe(false);
  });

  it('after a change gets the change', () => {
    const { zone, ask } = start();
    for (let round = 0; round < ROUNDS; round++) ask(node);

    zone.apply(put.node({ bindIp: '10.66.0.88' }));

    expect(read(ask(node)).answers).toMatchObject([{ data: '10.66.0.88' }]);
  });

  it('after the keys come or go gets signatures or none, and new ones on another day', () => {
    const { responder, ask } = start();
    const clock = new ManualClock(Date.UTC(2026, 0, 5));
    const signed = withOpt(node, 0x80);
    for (let round = 0; round < ROUNDS; round++) ask(signed);

    responder.signWith(new Signer([SigningKey.fromPem(SigningKey.generate())], clock));
    const today = [ask(signed), ask(signed), ask(signed)];
    clock.advance(86_400_000);
    const tomorrow = ask(signed);
    responder.signWith(undefined);

    expect(today.map((answer) => read(answer).answers?.length)).toEqual([2, 2, 2]);
    expect(tomorrow).not.toEqual(today[0]);
    expect(read(ask(signed)).answers).toHaveLength(1);
  });

  it('still sees its records take turns', () => {
    const { ask } = start();
    const query = aQuery('shop.svc.nc.internal');

    const firsts = Array.from({ length: ROUNDS }, () => read(ask(query)).answers?.[0]);

    expect(new Set(firsts.map((answer) => (answer !== undefined && 'data' in answer ? answer.data : '')))).toEqual(new Set(['10.66.0.5', '10.66.0.9']));
  });

  it('octets that are no query are not answered from what was asked before', () => {
    const { responder, ask } = start();
    for (let round = 0; round < ROUNDS; round++) ask(node);

    expect(responder.answer(changed(node, 2, 0x81), 'udp', false).kind).toBe('ignore');
    expect(read(ask(Buffer.concat([node, Buffer.from([0])]))).rcode).toBe('FORMERR');
    expect(read(ask(changed(node, node.length - 1, 3))).rcode).toBe('REFUSED');
  });
});

describe('kept replies', () => {
  const query = (i: number, length = 40): Buffer => {
    const octets = Buffer.alloc(length, 7);
    octets.writeUInt32BE(i, 8);
    return octets;
  };
  const reply = (i: number): Buffer => Buffer.from(`xx\0\x05 the reply to ${i}`);

  it('are each query\'s own, many times more than are kept, and forgotten rather than mixed up', () => {
    const cache = new ReplyCache<number>();
    for (let i = 0; i < 50_000; i++) {
      cache.keep(query(i), { octets: reply(i), type: 1 + (i & 255) }, i);
      for (const asked of [i, i >> 1]) {
        const place = cache.find(query(asked));
        if (place === NOT_KNOWN) continue;
        expect(cache.repeat(place, query(asked)).subarray(2)).toEqual(reply(asked).subarray(2));
        expect([cache.typeAt(place), cache.codeAt(place), cache.besideAt(place)]).toEqual([1 + (asked & 255), 5, asked]);
      }
      expect(cache.find(query(i))).not.toBe(NOT_KNOWN);
    }
  });

  it('are nearly all found while there is room', () => {
    const cache = new ReplyCache();
    for (let i = 0; i < 10_000; i++) cache.keep(query(i), { octets: reply(i), type: 1 });

    const found = Array.from({ length: 10_000 }, (_, i) => cache.find(query(i))).filter((place) => place !== NOT_KNOWN);

    expect(found.length).toBeGreaterThan(9_900);
  });

  it('are the later one of two for the same query', () => {
    const cache = new ReplyCache<string>();
    cache.keep(query(1), { octets: reply(1), type: 1 }, 'first');
    cache.keep(query(1), { octets: reply(2), type: 28 });

    const place = cache.find(query(1));

    expect(cache.repeat(place, query(1)).toString()).toContain('the reply to 2');
    expect([cache.typeAt(place), cache.besideAt(place)]).toEqual([28, undefined]);
  });

  it.each([
    ['a query that is the beginning of another', query(1, 39)],
    ['one that goes on longer', query(1, 41)],
    ['one that differs in its last octet', Buffer.concat([query(1, 39), Buffer.from([8])])],
    ['one too short to be one', Buffer.alloc(1)],
    ['nothing', Buffer.alloc(0)],
  ])('are not found for %s', (_, other) => {
    const cache = new ReplyCache();
    expect(cache.find(other)).toBe(NOT_KNOWN);

    cache.keep(query(1), { octets: reply(1), type: 1 });

    expect(cache.find(other)).toBe(NOT_KNOWN);
    cache.clear();
    expect(cache.find(query(1))).toBe(NOT_KNOWN);
  });
});
