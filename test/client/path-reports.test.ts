import { describe, expect, it } from 'vitest';
import { PathProbes } from '../../src/client/path-probes.js';
import { PathReports } from '../../src/client/path-reports.js';
import type { Paths, PathState } from '../../src/client/path-types.js';
import { PathKind } from '../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../src/platform/log.js';

describe('what the controller is told of paths', () => {
  it('is nothing where nothing has changed', () => {
    expect(someReports().list(undefined)).toEqual([]);
  });

  it('is told again until it has arrived', () => {
    const reports = someReports();
    reports.changed('a');
    const first = reports.list(undefined);

    expect(first).toMatchObject([{ nodeId: 'a', path: PathKind.PATH_KIND_RELAY, endpoint: '127.0.0.1:4000' }]);
    expect(reports.list(undefined)).toEqual(first);
    reports.told(first);
    expect(reports.list(undefined)).toEqual([]);
  });

  it('is all of it to a controller that knows nothing', () => {
    const reports = someReports();

    reports.tellAll();

    expect(reports.list(undefined).map(({ nodeId }) => nodeId)).toEqual(['a', 'b']);
  });

  it('names the relay, not the port of this machine behind which its TCP connection begins', () => {
    const reports = someReports('203.0.113.10:6442');

    reports.tellAll();

    expect(reports.list(undefined).map(({ endpoint }) => endpoint)).toEqual(['203.0.113.10:6442', '203.0.113.22:4000']);
  });
});

function someReports(tcpEndpoint = ''): PathReports {
  const state = (nodeId: string, kind: PathState['kind'], endpoint: string): PathState => ({ nodeId, kind, endpoint, lastHandshakeMs: 1, rxBytes: 0, txBytes: 0 });
  const states = [state('a', 'relay', '127.0.0.1:4000'), state('b', 'direct', '203.0.113.22:4000')];
  const probes = new PathProbes({ ping: () => Promise.resolve(undefined), carriesPackets: () => true, log: silentLog });
  return new PathReports({ tcpEndpoint, paths: () => states } as unknown as Paths, probes);
}
