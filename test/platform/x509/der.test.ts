import { describe, expect, it } from 'vitest';
import { bitString, booleanTrue, decodeDer, explicit, implicit, octetString, oid, sequence, setOf, time, unsignedInteger, utf8String } from '../../../src/platform/x509/der.js';

const LIMITS = { maxBytes: 100_000, maxDepth: 12 };
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('DER', () => {
  it.each([
    ['nothing', sequence(), '3000'],
    ['a set', setOf(booleanTrue()), '3103 0101ff'],
    ['an identifier', oid('1.2.840.10045.4.3.2'), '0608 2a8648ce3d040302'],
    ['zero', unsignedInteger(Buffer.of(0)), '020100'],
    ['no octets, which are zero', unsignedInteger(new Uint8Array()), '020100'],
    ['a number with zeros before it', unsignedInteger(Buffer.of(0, 0, 5)), '020105'],
    ['a number that would look negative', unsignedInteger(Buffer.of(0x80)), '02020080'],
    ['octets', octetString(Buffer.of(1, 2)), '04020102'],
    ['bits', bitString(Buffer.of(0x80), 7), '03020780'],
    ['text', utf8String('é'), '0c02c3a9'],
    ['an explicit tag', explicit(3, booleanTrue()), 'a3030101ff'],
    ['an implicit tag', implicit(2, Buffer.from('a')), '820161'],
    ['the last second with two digits of the year', time(Date.UTC(2049, 11, 31, 23, 59, 59)), `170d ${Buffer.from('491231235959Z').toString('hex')}`],
    ['the first second with four', time(Date.UTC(2050, 0, 1)), `180f ${Buffer.from('20500101000000Z').toString('hex')}`],
  ])('writes %s in its one form', (_what, written, wanted) => {
    expect(written.toString('hex')).toBe(hex(wanted).toString('hex'));
  });

  it.each([
    [127, '7f'],
    [128, '8180'],
    [255, '81ff'],
    [256, '820100'],
    [65_535, '82ffff'],
    [65_536, '83010000'],
  ])('writes the length %i as short as can be', (length, wanted) => {
    expect(octetString(Buffer.alloc(length)).subarray(1, -length).toString('hex')).toBe(wanted);
  });

  it('reads what it writes, which the reader writes again to compare', () => {
    const written = sequence(explicit(0, unsignedInteger(Buffer.of(2))), setOf(sequence(oid('2.5.4.3'), utf8String('node'))), octetString(Buffer.alloc(300, 1)), time(1_800_000_000_000));

    expect(() => decodeDer(written, LIMITS)).not.toThrow();
  });

  it.each([
    ['octets after the end', '3000 00'],
    ['a length longer than need be', '308100'],
    ['an end that is marked', '30800000'],
    ['less than it says', '3005 0101ff'],
    ['a number with zeros before it', '3004 02020005'],
  ])('refuses %s', (_what, text) => {
    expect(() => decodeDer(hex(text), LIMITS)).toThrow();
  });
});
