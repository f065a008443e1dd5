import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Zone } from '../../../src/domain/zone.js';
import { readForeignAnswer, relayAnswer } from '../../../src/platform/dns/foreign-answer.js';
import { readQuery } from '../../../src/platform/dns/query.js';
import { Responder } from '../../../src/platform/dns/responder.js';
import { aQuery, defaultNetwork, put } from '../../support/dns.js';

const zone = new Zone('nc.internal');
for (const change of [{ kind: 'network' as const, network: defaultNetwork }, put.node(), put.service()]) zone.apply(change);
const responder = new Responder(zone);
const RUNS = { seed: 1035, numRuns: 3000 };

function check(message: Uint8Array): void {
  const reply = responder.answer(message, 'udp', true);
  if (reply.kind !== 'answer') return;
  expect(reply.message.length).toBeLessThanOrEqual(1232);
  expect(reply.message.subarray(0, 2)).toEqual(Buffer.from(message.subarray(0, 2)));
  expect(reply.message[2]! & 0x80).toBe(0x80);
}

describe('no message, whatever it holds, stops the reader', () => {
  it('random octets', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), check), RUNS);
  });

  it('a query with octets changed, added and cut', () => {
    const queries = fc.constantFrom(aQuery('web-1.default.nc.internal'), aQuery('_shop._tcp.svc.nc.internal', 'SRV'), aQuery('5.0.66.10.in-addr.arpa', 'PTR'), aQuery('example.com', 'TXT'));
    const edits = fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(queries, edits, fc.nat(90), fc.uint8Array({ maxLength: 40 }), (query, changes, length, tail) => {
        const message = Buffer.concat([query, tail]).subarray(0, length + 5);
        for (const [at, value] of changes) if (at < message.length) message[at] = value;
        check(message);
      }),
      RUNS,
    );
  });

  it('names made of any octets and any labels', () => {
    const labels = fc.array(fc.uint8Array({ minLength: 1, maxLength: 63 }), { maxLength: 140 });
    fc.assert(
      fc.property(labels, (list) => {
        const name = list.flatMap((label) => [label.length, ...label]);
        check(Buffer.concat([Buffer.from([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.from(name), Buffer.from([0, 0, 1, 0, 1])]));
      }),
      RUNS,
    );
  });

  it('answers of other servers, whatever they hold', () => {
    const query = readQuery(aQuery('example.com'));
    if ('refusal' in query) throw new Error('want a query');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.uint8Array({ minLength: 8, maxLength: 8 }), (tail, header) => {
        const answer = Buffer.concat([Buffer.from([0, 1, ...header, 0, 3]), query.message.subarray(12), Buffer.from(tail)]);
        const read = readForeignAnswer(answer, query.questionEnd);
        if (read !== undefined) expect(relayAnswer(query, read, 'udp').length).toBeLessThanOrEqual(512);
      }),
      RUNS,
    );
  });

  it('ever new names leave no more memory behind than the answers kept', () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const memory = (from: number, to: number): number => {
      for (let i = from; i < to; i++) responder.answer(aQuery(`x${i}.default.nc.internal`), 'udp', false);
      collectGarbage();
      return process.memoryUsage().heapUsed + process.memoryUsage().external;
    };
    const full = memory(0, 16_000);

    expect(memory(16_000, 64_000)).toBeLessThan(full + (16 << 20));
  });
});
