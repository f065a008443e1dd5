import { describe, expect, it } from 'vitest';
import { CertificateRecord_State, NodeRecord, ServiceRecord, TokenRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { KINDS, keys, kindOf, type RecordKind } from '../../../src/server/store/keys.js';
import { decodeRecord, encodeRecord, pathOf } from '../../../src/server/store/records.js';

describe('records', () => {
  it.each([
    ['node', NodeRecord.fromPartial({ id: 'n', tokenHash: Buffer.from('ff00', 'hex'), labels: ['a', 'b'], createdAtMs: 2 ** 52 })],
    ['token', TokenRecord.fromPartial({ id: 't', expiresAtMs: 0, maxUses: 4_294_967_295 })],
    ['service', ServiceRecord.fromPartial({ id: 's', metadata: { zone: 'a' }, ttlSeconds: 5 })],
    ['certificate', { serial: '0f', subjectKind: 'node', subjectId: 'n', network: '', purpose: 'grpc', state: CertificateRecord_State.STATE_REVOKED, notAfterMs: 1, role: '', revokedAtMs: 2, caGeneration: 3, spki: Buffer.alloc(0), routes: [] as string[] }],
    ['presence', { nodeId: 'n', state: -1, replica: '', sinceMs: 1, lastSeenMs: 2, endpoint: '', version: '' }],
    ['lead', 'replica-ä'],
  ] as const)('come back as they were put: %s', (kind, record) => {
    expect(decodeRecord(kind, 'key', encodeRecord<RecordKind>(kind, record))).toEqual(record);
  });

  it('that cannot be read are told by their key, never by their content', () => {
    const secret = Buffer.from('\xff\xffsecret');
    expect(() => decodeRecord('token', '/nc/v1/t/00/abc', secret)).toThrow(
      expect.objectContaining({ code: 'store_failed', message: expect.not.stringContaining('secret') as string }),
    );
    expect(() => decodeRecord('token', '/nc/v1/t/00/abc', secret)).toThrow('/nc/v1/t/00/abc');
  });
});

describe('keys', () => {
  it('tell their kind, and only ours have one', () => {
    const made: Partial<Record<RecordKind, string>> = {
      cluster: keys.cluster(),
      network: keys.network('x'),
      node: keys.node('x', 'n'),
      address: keys.address('x', '10.0.0.1'),
      name: keys.name('x', 'n'),
      wireguardKey: keys.wireguardKey('00'),
      token: keys.token('t'),
      use: keys.use('t', 0),
      exchange: keys.exchange('t', '00'),
      certificate: keys.certificate('0f'),
      service: keys.service('x', 's', 'i'),
      presence: keys.presence('x', 'n'),
      audit: keys.audit('a'),
      clock: keys.clock(),
      replica: keys.replica('r'),
      drain: keys.drain('r'),
      signal: keys.signal('r', '1'),
      lead: keys.lead('r'),
    };
    for (const [kind, key] of Object.entries(made)) expect(kindOf(key)).toBe(kind);
    for (const key of ['', '/', '/nc/v1/', '/nc/v1/zz/1', '/nc/v2/n/x', 'nc/v1/n/x', '/nc/v1/nn/x']) expect(kindOf(key)).toBeUndefined();
    expect(new Set(Object.values(KINDS)).size).toBe(Object.keys(KINDS).length);
  });

  it('say where they lead', () => {
    expect(pathOf(keys.address('lab', 'fd00::1'), 'address')).toEqual(['lab', expect.stringMatching(/^[0-9a-f]{2}$/), 'fd00::1']);
    expect(pathOf(keys.exchange('t1', 'ab'), 'exchange').slice(1)).toEqual(['t1', 'ab']);
  });
});
