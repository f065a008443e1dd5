import { describe, expect, it } from 'vitest';
import { ReportRequest } from '../../../src/gen/networkcontroller/v1/node.js';
import { PathKind } from '../../../src/gen/networkcontroller/v1/types.js';
import { ManualClock } from '../../support/clock.js';
import { Reports } from '../../../src/server/services/reports.js';

const { PATH_KIND_DIRECT: DIRECT, PATH_KIND_NONE: NONE, PATH_KIND_RELAY: RELAY, PATH_KIND_UNSPECIFIED: UNSPECIFIED } = PathKind;

function report(paths: Record<string, PathKind>, appliedRevision = 1n): ReportRequest {
  return ReportRequest.fromPartial({ appliedRevision, paths: Object.entries(paths).map(([nodeId, path]) => ({ nodeId, path })) });
}

describe('the path of a node', () => {
  it.each([
    ['none that never reported', undefined, NONE],
    ['none without peers', {}, NONE],
    ['direct to one', { b: DIRECT }, DIRECT],
    ['relayed to one', { b: RELAY }, RELAY],
    ['direct to half', { b: DIRECT, c: RELAY }, DIRECT],
    ['relayed to most', { b: DIRECT, c: RELAY, d: RELAY }, RELAY],
    ['of paths that are none', { b: NONE, c: UNSPECIFIED }, NONE],
  ])('is told as most of its paths are: %s', (_what, paths, expected) => {
    const reports = new Reports(new ManualClock());
    if (paths !== undefined) reports.take('a', report(paths));

    expect(reports.pathOf('a')).toBe(expected);
  });

  it('keeps what a later report does not mention, and loses what it says is gone', () => {
    const reports = new Reports(new ManualClock());
    reports.take('a', report({ b: RELAY, c: RELAY }));

    reports.take('a', report({ b: DIRECT }));
    expect(reports.pathOf('a')).toBe(DIRECT);
    reports.take('a', report({ b: NONE }));

    expect(reports.pathOf('a')).toBe(RELAY);
  });
});

describe('a forgotten node', () => {
  it('has said nothing, and is in nobody’s paths', () => {
    const reports = new Reports(new ManualClock());
    reports.take('a', report({ gone: DIRECT }, 7n));
    reports.take('gone', report({ a: DIRECT }, 9n));

    reports.forget('gone');

    expect([reports.appliedRevision('gone'), reports.pathOf('gone')]).toEqual([0n, NONE]);
    expect([reports.appliedRevision('a'), reports.pathOf('a')]).toEqual([7n, NONE]);
  });
});

describe('a path between two nodes', () => {
  it('is as it is since the first report of it', () => {
    const clock = new ManualClock(1000);
    const reports = new Reports(clock);
    reports.take('a', report({ b: RELAY }));
    clock.advance(5);
    reports.take('a', report({ b: RELAY }));
    expect(reports.pathBetween('a', 'b')?.sinceMs).toBe(1000);

    reports.take('a', report({ b: DIRECT }));

    expect(reports.pathBetween('a', 'b')).toMatchObject({ path: DIRECT, sinceMs: 1005 });
    expect(reports.pathBetween('b', 'a')).toBeUndefined();
  });

  it('is told to who waits for it, and to nobody else', async () => {
    const clock = new ManualClock();
    const reports = new Reports(clock);
    const [told, other] = [reports.nextPath('a', 'b', 1000), reports.nextPath('b', 'a', 1000)];

    reports.take('a', report({ c: DIRECT }));
    reports.take('a', report({ b: NONE }));
    clock.advance(1000);

    await expect(told).resolves.toMatchObject({ nodeId: 'b', path: NONE });
    await expect(other).resolves.toBeUndefined();
  });

  it('remembers what a node says of its NAT and its endpoints', () => {
    const reports = new Reports(new ManualClock());
    expect([reports.symmetricNat('a'), reports.candidatesOf('a')]).toEqual([undefined, []]);

    reports.natSeen('a', true);
    reports.take('a', ReportRequest.fromPartial({ candidates: Array.from({ length: 99 }, (_, i) => ({ address: `192.0.2.1:${i}` })) }));

    expect(reports.symmetricNat('a')).toBe(true);
    expect(reports.candidatesOf('a')).toHaveLength(32);
  });
});
