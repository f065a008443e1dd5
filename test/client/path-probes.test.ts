import { describe, expect, it } from 'vitest';
import { PathReport } from '../../src/gen/networkcontroller/v1/node.js';
import { PathKind, Peer } from '../../src/gen/networkcontroller/v1/types.js';
import { PathProbes, type PathProbeDeps } from '../../src/client/path-probes.js';
import { recordedLog } from '../support/rpc-listener.js';

const PEERS = ['b', 'c'].map((nodeId, i) => Peer.fromPartial({ nodeId, bindIp: `10.66.0.${i + 3}` }));
const NOBODY = new Map<string, string>();
const path = (nodeId: string): PathReport => PathReport.fromPartial({ nodeId, path: PathKind.PATH_KIND_DIRECT });

function start(change: Partial<PathProbeDeps> = {}) {
  const pinged: string[] = [];
  const { log, lines } = recordedLog();
  const ping = async (address: string): Promise<number | undefined> => {
    pinged.push(address);
    return address === '10.66.0.3' ? 1.5 : undefined;
  };
  return { pinged, lines, probes: new PathProbes({ ping, carriesPackets: () => true, log, ...change }) };
}

describe('the paths that the controller asks about', () => {
  it('are tried and told with the next report: who answers and who does not', async () => {
    const { probes } = start();

    await probes.run(['b', 'c'], PEERS);

    expect(probes.addTo([path('b'), path('c')], NOBODY)).toMatchObject([{ nodeId: 'b', tried: true, rttUs: 1500 }, { nodeId: 'c', tried: true, rttUs: 0 }]);
  });

  it('are told again until a report has arrived, and then no more', async () => {
    const { probes } = start();
    await probes.run(['b'], PEERS);
    const first = probes.addTo([path('b')], NOBODY);

    expect(probes.addTo([path('b')], NOBODY)).toEqual(first);
    probes.told(first);

    expect(probes.addTo([path('b')], NOBODY)).toMatchObject([{ tried: false, rttUs: 0 }]);
  });

  it('are told to be none to who is no peer, with the reason where it was refused', async () => {
    const { probes, pinged } = start();

    await probes.run(['x', 'y'], PEERS);

    expect(probes.addTo([], new Map([['y', 'serial 1 is revoked']]))).toMatchObject([
      { nodeId: 'x', path: PathKind.PATH_KIND_NONE, tried: false, refused: '' },
      { nodeId: 'y', path: PathKind.PATH_KIND_NONE, tried: false, refused: 'serial 1 is revoked' },
    ]);
    expect(pinged).toEqual([]);
  });

  it('are at most sixteen at a time', async () => {
    const { probes, pinged } = start();
    const many = Array.from({ length: 40 }, (_, i) => Peer.fromPartial({ nodeId: `n${i}`, bindIp: `10.66.1.${i}` }));

    await probes.run(many.map(({ nodeId }) => nodeId), many);

    expect(pinged).toHaveLength(16);
  });

  it('are not tried on a device that carries nothing', async () => {
    const { probes, pinged } = start({ carriesPackets: () => false });

    await probes.run(['b'], PEERS);

    expect(pinged).toEqual([]);
    expect(probes.addTo([path('b')], NOBODY)).toMatchObject([{ nodeId: 'b', tried: false }]);
  });

  it('are untried where ping cannot be run, and the log says so', async () => {
    const { probes, lines } = start({ ping: () => Promise.reject(new Error('ping: no such program')) });

    await probes.run(['b'], PEERS);

    expect(probes.addTo([path('b')], NOBODY)).toMatchObject([{ tried: false }]);
    expect(lines).toMatchObject([{ level: 'warn', fields: { nodeId: 'b', reason: expect.stringContaining('no such program') } }]);
  });
});
