import { describe, expect, it, onTestFinished } from 'vitest';
import { Service } from '../../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../../src/platform/log.js';
import { ServiceLeases } from '../../../src/server/services/service-leases.js';
import { ServiceRegistry } from '../../../src/server/services/service-registry.js';
import { ADMIN, startServices } from '../../support/services.js';
import { until } from '../../support/until.js';

/** Two servers on one store, of which `leader` leads; each has its own idea of who is connected to it. */
async function start() {
  const shared = await startServices();
  const { clock, repository } = shared;
  shared.leases.stop();
  const cluster = { leader: '', live: new Set(['one', 'two']), nodes: new Map<string, string>() };
  const server = (own: string) => {
    const isHere = (nodeId: string): boolean => cluster.nodes.get(nodeId) === own;
    const others = {
      own,
      isElsewhere: (_network: string, nodeId: string) => cluster.nodes.has(nodeId) && !isHere(nodeId),
      isLive: (id: string) => cluster.live.has(id),
      asLeader: () => (cluster.leader === own ? repository : undefined),
    };
    const leases = new ServiceLeases({ repository, isHere, others, clock, log: silentLog });
    onTestFinished(() => leases.stop());
    return { leases, registry: new ServiceRegistry({ repository, leases, isHere, counter: own, clock }) };
  };
  const pass = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds * 4; i++) {
      clock.advance(250);
      await new Promise(setImmediate);
    }
  };
  const record = (id = 'one') => repository.view.service('default', id)!.value;
  return { ...shared, cluster, one: server('one'), two: server('two'), pass, record };
}

const OWNERLESS = Service.fromPartial({ id: 'one', name: 'registry', network: 'default', address: '192.0.2.1', port: 80, leaseSeconds: 10 });
const renewal = [{ id: 'one', health: '', healthReason: '' }];

describe('the lease of an instance without a node', () => {
  it('is counted by the server that took it, and by no other, however long the others hear nothing', async () => {
    const { cluster, one, record, pass, repository } = await start();
    cluster.leader = 'two';
    await one.registry.add(OWNERLESS, ADMIN);
    const before = repository.view.rev;

    for (let i = 0; i < 6; i++) {
      await pass(5);
      await one.registry.renew('default', renewal, ADMIN);
    }

    expect(record()).toMatchObject({ withheld: '', countedBy: 'one' });
    expect(repository.view.rev).toBe(before);
  });

  it('ends once, by one revision', async () => {
    const { one, record, pass, repository } = await start();
    await one.registry.add(OWNERLESS, ADMIN);
    const before = repository.view.rev;

    await pass(12);

    await until(() => record().withheld !== '', 'it to be withheld');
    await pass(5);
    expect(repository.view.rev).toBe(before + 1n);
  });

  it('goes along to the server that takes the renewals now', async () => {
    const { one, two, record, pass } = await start();
    await one.registry.add(OWNERLESS, ADMIN);

    for (let i = 0; i < 6; i++) {
      await pass(5);
      await two.registry.renew('default', renewal, ADMIN);
    }

    expect(record()).toMatchObject({ withheld: '', countedBy: 'two' });
  });

  it('is counted by the leader when the server that counted it is gone, from its beginning', async () => {
    const { cluster, one, record, pass } = await start();
    await one.registry.add(OWNERLESS, ADMIN);
    one.leases.stop();
    cluster.live.delete('one');
    await pass(30);
    expect(record().withheld).toBe('');

    cluster.leader = 'two';
    await pass(12);

    await until(() => record().withheld !== '', 'it to be withheld');
  });
});

describe('an instance that follows its node', () => {
  it('is left to the server that has the node, and to the leader when nobody has it', async () => {
    const { cluster, one, two, register, token, record, pass, repository } = await start();
    const { node } = await register(await token());
    cluster.nodes.set(node.id, 'one');
    await one.registry.add(Service.fromPartial({ id: 'one', name: 'registry', network: 'default', nodeId: node.id, port: 80, withNode: true }), ADMIN);
    const before = repository.view.rev;
    await pass(2);
    expect(repository.view.rev).toBe(before);

    cluster.nodes.delete(node.id);
    one.leases.stop();
    await pass(2);
    expect(record().withheld).toBe('');
    cluster.leader = 'two';
    await pass(2);
    await until(() => record().withheld !== '', 'it to be withheld');

    cluster.nodes.set(node.id, 'two');
    await pass(2);
    await until(() => record().withheld === '', 'it to be answered again');
    two.leases.stop();
  });
});
