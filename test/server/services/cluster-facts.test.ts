import { describe, expect, it } from 'vitest';
import { TrustBundle } from '../../../src/gen/networkcontroller/v1/types.js';
import type { Repository } from '../../../src/server/store/local-view.js';
import { ClusterFacts } from '../../../src/server/services/cluster-facts.js';
import { startServices } from '../../support/services.js';

const KEY = Buffer.alloc(32, 7);
const TRUST = { bundle: () => TrustBundle.fromPartial({ version: 3 }), bundlesAfter: () => [], crl: () => new Uint8Array([1]) };

async function start(cidr6 = '') {
  const { repository } = await startServices({ cidr6 });
  const endpoints = { control: ['192.0.2.1:1'], bootstrap: ['192.0.2.1:2'], wireguard: ['192.0.2.1:3'], probe: ['192.0.2.1:4'], https: ['192.0.2.1:5'], dns: [] };
  const facts = new ClusterFacts({ repository, staleMs: () => 0, endpoints: () => endpoints, wgPublicKey: KEY, zone: 'nc.internal', trust: TRUST, version: '1.2.3', startedAtMs: 9 });
  return { repository, facts, endpoints };
}

describe('facts of the cluster', () => {
  it('are none for a store without a cluster', () => {
    const empty = { view: { cluster: () => undefined } } as unknown as Repository;
    const deps = { staleMs: () => 0, endpoints: () => ({ control: [], bootstrap: [], wireguard: [], probe: [], https: [], dns: [] }), wgPublicKey: KEY, zone: '', trust: TRUST, version: '', startedAtMs: 0 };

    expect(() => new ClusterFacts({ ...deps, repository: empty })).toThrow(expect.objectContaining({ code: 'not_initialised' }));
  });

  it('of a network that is unknown are refused', async () => {
    const { facts } = await start();

    expect(() => facts.describeByName('lab')).toThrow(expect.objectContaining({ code: 'network_unknown' }));
  });

  it('tell a node all that it needs to reach the controller', async () => {
    const { facts } = await start('fd00:66::/64');

    expect(facts.describeByName('default')).toMatchObject({
      cidr: '10.66.0.0/24',
      cidr6: 'fd00:66::/64',
      mtu: 1280,
      interconnection: true,
      zone: 'nc.internal',
      controller: { wgPublicKey: KEY, bindIp: '10.66.0.1', bindIp6: 'fd00:66::1', endpoints: ['192.0.2.1:3'], probeEndpoints: ['192.0.2.1:4'], httpsEndpoints: ['192.0.2.1:5'] },
    });
  });

  it('give endpoints as they are now, because ports are known only once the listeners stand', async () => {
    const { facts, endpoints } = await start();
    endpoints.control.push('192.0.2.2:1');

    expect(facts.controlEndpoints()).toEqual(['192.0.2.1:1', '192.0.2.2:1']);
    expect(facts.bootstrapEndpoints()).toEqual(['192.0.2.1:2']);
  });

  it('begin with a server that starts, and follow it', async () => {
    const { facts, repository } = await start();
    expect(facts.state()).toBe('starting');

    facts.enter('draining');

    expect(facts).toMatchObject({ clusterId: 'c1', epoch: 'e1', version: '1.2.3', startedAtMs: 9 });
    expect([facts.state(), facts.revision(), facts.bundle().version]).toEqual(['draining', repository.view.rev, 3]);
  });
});
