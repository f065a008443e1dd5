import { describe, expect, it } from 'vitest';
import {
  BACKDATE_MS,
  clusterOfServerName,
  parseCertificateUri,
  renewAtMs,
  serverName,
  subjectOf,
  subjectUri,
  wireGuardUri,
} from '../../src/domain/certificate.js';

const KEY = `${'k'.repeat(42)}A`;

describe('names in certificates', () => {
  it.each(['', 'nc://c1/node/', 'nc://c1/node', 'nc:///node/n-1', 'NC://c1/node/n-1', 'nc://c1/root/n-1', 'nc://c1/node/n-1/', 'nc://c1/node/n 1', 'nc://C1/node/n-1', 'nc://c1/node/n-1?x', 'spiffe://c1/node/n-1'])(
    'do not read %j as one of ours',
    (uri) => {
      expect(parseCertificateUri(uri)).toBeUndefined();
    },
  );

  it.each([
    ['no subject', []],
    ['only a WireGuard key', [wireGuardUri('c1', KEY)]],
    ['two subjects', ['nc://c1/node/n-1', 'nc://c1/admin/root']],
    ['a subject twice', ['nc://c1/node/n-1', 'nc://c1/node/n-1']],
    ['another cluster', ['nc://c2/node/n-1']],
    ['a name of another cluster beside it', ['nc://c1/node/n-1', wireGuardUri('c2', KEY)]],
    ['a name that is not ours beside it', ['nc://c1/node/n-1', 'https://example']],
  ])('are refused with %s', (_what, uris) => {
    expect(() => subjectOf(uris, 'c1')).toThrow(expect.objectContaining({ code: 'certificate_invalid' }));
  });

  it.each([['', 'n-1'], ['c/1', 'n-1'], ['c1', ''], ['c1', 'a/b'], ['c1', 'a, URI:nc://c1/admin/root'], ['c1', 'ü']])('are not made of %j and %j', (cluster, id) => {
    expect(() => subjectUri(cluster, { kind: 'node', id })).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('are read as they were written', () => {
    for (const kind of ['node', 'admin', 'relay'] as const) {
      expect(subjectOf([subjectUri('c1', { kind, id: 'alice.b_c-1' }), wireGuardUri('c1', KEY)], 'c1')).toEqual({ kind, id: 'alice.b_c-1' });
    }
    expect(parseCertificateUri(wireGuardUri('c1', KEY))).toEqual({ clusterId: 'c1', kind: 'wg', value: KEY });
  });

  it('tell a server of a cluster from anything else', () => {
    expect(clusterOfServerName(serverName('c-1'))).toBe('c-1');
    for (const name of ['c-1', 'server.nc.internal', 'server.a.b.nc.internal', 'server.c-1.nc.internal.evil', 'xserver.c-1.nc.internal']) {
      expect(clusterOfServerName(name)).toBeUndefined();
    }
  });
});

it('renews at two thirds of the lifetime since the issue, up to a twentieth earlier', () => {
  const issuedAtMs = Date.UTC(2026, 0, 1);
  const at = (lifetimeMs: number, jitter: number) => renewAtMs(issuedAtMs - BACKDATE_MS, issuedAtMs + lifetimeMs, jitter) - issuedAtMs;

  expect(at(24 * 3_600_000, 0)).toBeCloseTo(16 * 3_600_000);
  expect(at(24 * 3_600_000, 1)).toBeCloseTo(14.8 * 3_600_000);
  expect(at(6000, 0)).toBeCloseTo(4000);
});
