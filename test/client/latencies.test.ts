import { describe, expect, it } from 'vitest';
import { latenciesOf } from '../../src/client/latencies.js';
import { AgentServiceGetStatusResponse } from '../../src/gen/networkcontroller/v1/agent.js';
import { PathKind } from '../../src/gen/networkcontroller/v1/types.js';

const { PATH_KIND_DIRECT: DIRECT, PATH_KIND_NONE: NONE, PATH_KIND_RELAY: RELAY } = PathKind;
const status = (paths: readonly PathKind[], device = 'kernel'): AgentServiceGetStatusResponse =>
  AgentServiceGetStatusResponse.fromPartial({ device, peers: paths.map((path, i) => ({ bindIp: `10.66.0.${i + 2}`, path })) });

describe('the latencies of a status', () => {
  it('are those of the peers that have a path and answer', async () => {
    const pinged: string[] = [];
    const ping = (address: string): Promise<number | undefined> => {
      pinged.push(address);
      return Promise.resolve(address === '10.66.0.2' ? 1.5 : undefined);
    };

    expect([...(await latenciesOf(status([DIRECT, RELAY, NONE]), ping))]).toEqual([['10.66.0.2', 1.5]]);
    expect(pinged).toEqual(['10.66.0.2', '10.66.0.3']);
  });

  it('are of 32 peers at most, and none where packets are only recorded', async () => {
    const ping = (): Promise<number> => Promise.resolve(1);

    expect((await latenciesOf(status(Array.from({ length: 100 }, () => DIRECT)), ping)).size).toBe(32);
    expect((await latenciesOf(status([DIRECT], 'recorded'), ping)).size).toBe(0);
  });

  it('are left out where ping cannot be run', async () => {
    expect((await latenciesOf(status([DIRECT]), () => Promise.reject(new Error('no ping')))).size).toBe(0);
  });
});
