import { encode } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { Zone } from '../../../src/domain/zone.js';
import type { ZoneChange } from '../../../src/domain/zone-input.js';
import { Responder } from '../../../src/platform/dns/responder.js';
import { aQuery, defaultNetwork, put, read } from '../../support/dns.js';


function responderOf(...changes: ZoneChange[]): { zone: Zone; responder: Responder } {
  const zone = new Zone('nc.internal');
  zone.apply({ kind: 'network', network: defaultNetwork });
  for (const change of [put.node(), ...changes]) zone.apply(change);
  return { zone, responder: new Responder(zone) };
}

function ask(responder: Responder, query: Uint8Array, transport: 'udp' | 'tcp' = 'udp') {
  const reply = responder.answer(query, transport, false);
  return reply.kind === 'answer' ? read(reply.message) : reply.kind;
}

function octets(responder: Responder, query: Uint8Array, transport: 'udp' | 'tcp' = 'udp'): Buffer {
  const reply = responder.answer(query, transport, false);
  if (reply.kind !== 'answer') throw new Error(`want an answer, got ${reply.kind}`);
  return reply.message;
}

/** A copy of `query` with octets overwritten from `offset` on. */
function patched(query: Buffer, offset: number, ...values: number[]): Buffer {
  const copy = Buffer.from(query);
  values.forEach((value, i) => (copy[offset + i] = value));
  return copy;
}

function withOpt(query: Buffer, opt: readonly number[]): Buffer {
  return patched(Buffer.concat([query, Buffer.from(opt)]), 10, 0, 1);
}

const question = aQuery('web-1.default.nc.internal');
const plainOpt = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];

describe('a message that is no query', () => {
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['less than a header', question.subarray(0, 11)],
    ['an answer', patched(question, 2, 0x80)],
  ])('gets silence: %s', (_, message) => {
    expect(ask(responderOf().responder, message)).toBe('ignore');
  });

  it.each([
    ['a header alone', 'FORMERR', question.subarray(0, 12)],
    ['two questions (RFC 9619)', 'FORMERR', patched(Buffer.concat([question, question.subarray(12)]), 4, 0, 2)],
    ['no question', 'FORMERR', patched(question, 4, 0, 0)],
    ['a name that ends in the middle', 'FORMERR', question.subarray(0, 20)],
    ['a pointer to itself', 'FORMERR', Buffer.concat([question.subarray(0, 12), Buffer.from([0xc0, 0x0c, 0, 1, 0, 1])])],
    ['a label of a reserved kind', 'FORMERR', patched(question, 12, 0x45)],
    ['a name of 256 octets', 'FORMERR', Buffer.concat([question.subarray(0, 12), ...Array.from({ length: 4 }, () => Buffer.from([62, ...Buffer.alloc(62, 97)])), Buffer.from([2, 97, 97, 0, 0, 1, 0, 1])])],
    ['an answer beside the question', 'FORMERR', patched(question, 6, 0, 1)],
    ['octets after the end', 'FORMERR', Buffer.concat([question, Buffer.from([0])])],
    ['two OPT records', 'FORMERR', patched(withOpt(question, [...plainOpt, ...plainOpt]), 10, 0, 2)],
    ['an OPT record that is not at the root', 'FORMERR', withOpt(question, [1, 97, ...plainOpt])],
    ['an OPT record longer than the message', 'FORMERR', withOpt(question, [...plainOpt.slice(0, 10), 4])],
    ['an option longer than its OPT record', 'FORMERR', withOpt(question, [...plainOpt.slice(0, 10), 4, 0, 10, 0, 9])],
    ['OPT as the type asked for', 'FORMERR', patched(question, question.length - 4, 0, 41)],
    ['a status query', 'NOTIMP', patched(question, 2, 0x10)],
    ['an update', 'NOTIMP', patched(question, 2, 0x28)],
    ['TKEY as the type asked for', 'NOTIMP', patched(question, question.length - 4, 0, 249)],
    ['a transfer', 'REFUSED', patched(question, question.length - 4, 0, 252)],
    ['an incremental transfer', 'REFUSED', patched(question, question.length - 4, 0, 251)],
    ['the class CHAOS', 'REFUSED', patched(question, question.length - 2, 0, 3)],
  ])('is refused: %s → %s', (_, rcode, message) => {
    const answer = ask(responderOf().responder, message);

    expect(answer).toMatchObject({ rcode, id: 4711, flag_qr: true, answers: [] });
  });

  it('is told that we know EDNS version 0 only', () => {
    const answer = octets(responderOf().responder, withOpt(question, patchedOpt({ version: 1 })));

    const opt = answer.subarray(-11);
    expect([answer[3]! & 15, opt[5], opt[6]]).toEqual([0, 1, 0]);
  });
});

describe('an answer', () => {
  it('repeats the spelling of the question and finds the name all the same', () => {
    const { responder } = responderOf();
    const mixed = aQuery('wEb-1.DeFault.nC.InterNAL');

    for (const round of ['from the zone', 'from the octets kept']) {
      expect(ask(responder, mixed), round).toMatchObject({
        flag_aa: true,
        questions: [{ name: 'wEb-1.DeFault.nC.InterNAL' }],
        answers: [{ name: 'wEb-1.DeFault.nC.InterNAL', data: '10.66.0.5' }],
      });
    }
  });

  it('does not confuse a type with a letter', () => {
    const { responder } = responderOf();
    const typeHttps = patched(question, question.length - 4, 0, 65);
    const type97 = patched(question, question.length - 4, 0, 97);

    ask(responder, type97);

    expect(octets(responder, typeHttps).subarray(-150).includes(Buffer.from([0, 65, 0, 1]))).toBe(true);
  });

  it('carries the id, RD and CD of its own query', () => {
    const { responder } = responderOf();
    ask(responder, question);

    const answer = ask(responder, patched(question, 0, 0x12, 0x34, 0x01, 0x10));

    expect(answer).toMatchObject({ id: 0x1234, flag_rd: true, flag_cd: true, flag_ra: false });
  });

  it('has an OPT record only when the query has', () => {
    const { responder } = responderOf();

    expect(ask(responder, question)).toMatchObject({ additionals: [] });
    expect(ask(responder, withOpt(question, plainOpt))).toMatchObject({ additionals: [{ type: 'OPT', udpPayloadSize: 1232 }] });
  });

  it('lets every record be first in its turn', () => {
    const instances = ['10.66.0.11', '10.66.0.12', '10.66.0.13'].map((address, i) => put.service({ id: `i${i}`, address }));
    const { responder } = responderOf(...instances);

    const firsts = [1, 2, 3].map(() => {
      const answer = ask(responder, aQuery('shop.svc.nc.internal'));
      expect(answer).toMatchObject({ answers: { length: 3 } });
      return answer;
    });

    const first = firsts.map((answer) => (typeof answer === 'object' ? answer.answers?.[0] : undefined));
    expect(new Set(first.map((record) => (record?.type === 'A' ? record.data : '')))).toEqual(new Set(['10.66.0.11', '10.66.0.12', '10.66.0.13']));
  });

  it('changes the moment the zone does', () => {
    const { zone, responder } = responderOf();
    ask(responder, question);

    zone.apply(put.node({ bindIp: '10.66.0.99' }));

    expect(ask(responder, question)).toMatchObject({ answers: [{ data: '10.66.0.99' }] });
  });

  it('hands over a name that is not ours', () => {
    const reply = responderOf().responder.answer(aQuery('Example.COM'), 'udp', false);

    expect(reply).toMatchObject({ kind: 'outside', name: 'example.com' });
  });
});

describe('an answer too long for UDP', () => {
  const many = Array.from({ length: 60 }, (_, i) => put.service({ id: `instance-${i}`, address: `10.66.0.${i + 100}` }));
  const srv = aQuery('_shop._tcp.svc.nc.internal', 'SRV');

  it('is cut to nothing but the question, and marked', () => {
    expect(ask(responderOf(...many).responder, srv)).toMatchObject({ flag_tc: true, answers: [], additionals: [], rcode: 'NOERROR' });
  });

  it('is whole over TCP', () => {
    expect(ask(responderOf(...many).responder, srv, 'tcp')).toMatchObject({ flag_tc: false, answers: { length: 60 }, additionals: { length: 60 } });
  });

  it('leaves out the additional records before it is cut', () => {
    const { responder } = responderOf(...many.slice(0, 8));

    expect(ask(responder, srv)).toMatchObject({ flag_tc: false, answers: { length: 8 }, additionals: [] });
  });

  it.each([
    [4096, 1232],
    [1000, 1000],
    [100, 512],
  ])('keeps to the client\'s %i octets within our own bounds', (offered, limit) => {
    const query = withOpt(aQuery('shop.svc.nc.internal'), patchedOpt({ udpOctets: offered }));
    const { responder } = responderOf(...Array.from({ length: 200 }, (_, i) => put.service({ id: `i${i}`, address: `10.67.0.${i}` })));
    const fitting = Math.floor((limit - query.length) / 16);

    expect(octets(responder, query).length).toBeLessThanOrEqual(limit);
    expect(ask(responder, query)).toMatchObject({ flag_tc: true });
    const { responder: smaller } = responderOf(...Array.from({ length: fitting }, (_, i) => put.service({ id: `i${i}`, address: `10.67.0.${i}` })));
    expect(ask(smaller, query)).toMatchObject({ flag_tc: false, answers: { length: fitting } });
  });
});

it('reads what another library writes', () => {
  const query = encode({ type: 'query', id: 1, questions: [{ type: 'A', name: 'web-1.default.nc.internal' }], additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1400, flags: 0x8000, extendedRcode: 0, ednsVersion: 0, flag_do: true, options: [] }] });

  expect(ask(responderOf().responder, query)).toMatchObject({ answers: [{ data: '10.66.0.5' }], additionals: [{ flag_do: true }] });
});

function patchedOpt({ version = 0, udpOctets = 1232 }: { version?: number; udpOctets?: number }): number[] {
  return [0, 0, 41, udpOctets >> 8, udpOctets & 255, 0, version, 0, 0, 0, 0];
}
