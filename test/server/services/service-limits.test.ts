import { describe, expect, it } from 'vitest';
import { ServiceState } from '../../../src/gen/networkcontroller/v1/node.js';
import { Service } from '../../../src/gen/networkcontroller/v1/types.js';
import type { Caller } from '../../../src/server/auth/caller.js';
import { ADMIN, startServices } from '../../support/services.js';

const nodeCaller = (nodeId: string): Caller => ({ kind: 'node', nodeId, network: 'default', serial: 'AA', address: '10.0.0.1' });
const AT = { name: 'registry', address: '192.0.2.1' };
const entries = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));

describe('a service is refused, and not kept,', () => {
  it.each([
    ['with 33 remarks', { metadata: entries(33) }, /at most 32 entries, got 33/],
    ['with an empty key', { metadata: { '': 'v' } }, /printable key/],
    ['with a key of 65 octets', { metadata: { ['k'.repeat(65)]: 'v' } }, /printable key/],
    ['with a remark of 256 octets', { metadata: { k: 'v'.repeat(254) } }, /at most 255 bytes/],
    ['with a remark that is short in letters and long in octets', { metadata: { k: 'é'.repeat(127) } }, /at most 255 bytes/],
    ['with a lease of more than a day', { leaseSeconds: 86_401 }, /service.lease_seconds: want 0 to 86400/],
    ['when it shall follow a node that it does not have', { withNode: true }, /want a node to follow/],
    ['with a weight that SRV cannot hold', { weight: 65_536 }, /service.weight: want 0 to 65535/],
    ['with a priority that SRV cannot hold', { priority: 65_536 }, /service.priority: want 0 to 65535/],
    ['with a role that is none', { role: 'leader' }, /service.role: want primary or replica/],
    ['with a health that is none', { health: 'fine' }, /service.health/],
  ])('%s', async (_, wanted, sentence) => {
    const { services, repository } = await startServices();

    await expect(services.add(Service.fromPartial({ ...AT, ...wanted }), ADMIN)).rejects.toThrow(sentence);

    expect(repository.view.serviceCount()).toBe(0);
  });

  it('when it has a lease and shall follow its node too', async () => {
    const { services, register, token } = await startServices();
    const { node } = await register(await token());

    await expect(services.add(Service.fromPartial({ name: 'registry', nodeId: node.id, withNode: true, leaseSeconds: 5 }), ADMIN)).rejects.toThrow(/got both/);
  });

  it('when a node offers an address that is not its own', async () => {
    const { services, register, token, repository } = await startServices();
    const { node } = await register(await token());

    const wanted = Service.fromPartial({ ...AT, nodeId: node.id });

    await expect(services.add(wanted, nodeCaller(node.id))).rejects.toMatchObject({ code: 'permission_denied' });
    expect(repository.view.serviceCount()).toBe(0);
  });

  it('as a 65th of one node, which may still replace each of its 64', async () => {
    const { services, register, token, repository } = await startServices();
    const { node } = await register(await token());
    const add = (i: number, port: number) => services.add(Service.fromPartial({ id: `s-${i}`, name: 'registry', nodeId: node.id, port }), nodeCaller(node.id));
    for (let i = 1; i <= 64; i++) await add(i, 80);

    await expect(add(65, 80)).rejects.toThrow(/64/);
    await add(64, 81);

    expect(repository.view.serviceCount()).toBe(64);
    expect(repository.view.service('default', 's-64')?.value.port).toBe(81);
  });
});

it('keeps remarks that are just small enough', async () => {
  const { services } = await startServices();
  const metadata = { ...entries(30), ['k'.repeat(64)]: '', k: 'v'.repeat(253) };

  const { result } = await services.add(Service.fromPartial({ ...AT, metadata }), ADMIN);

  expect(result.metadata).toEqual(metadata);
});

describe('a renewal', () => {
  it('tells a node which ids are unknown or another node’s, and renews its own', async () => {
    const { services, register, token } = await startServices();
    const text = await token({ maxUses: 0 });
    const [a, b] = [await register(text), await register(text)];
    for (const [id, nodeId] of [['a', a.node.id], ['b', b.node.id]] as const) {
      await services.add(Service.fromPartial({ id, name: 'registry', nodeId, leaseSeconds: 10 }), nodeCaller(nodeId));
    }

    const unknown = await services.renew('default', ['a', 'b', 'nothing'].map((id) => ServiceState.fromPartial({ id })), nodeCaller(a.node.id));

    expect(unknown).toEqual(['b', 'nothing']);
  });

  it('with one health that is none takes in none of the others', async () => {
    const { services, register, token, repository } = await startServices();
    const { node } = await register(await token());
    await services.add(Service.fromPartial({ id: 'a', name: 'registry', nodeId: node.id, leaseSeconds: 10 }), nodeCaller(node.id));
    const states = [{ id: 'a', health: 'failing' }, { id: 'a', health: 'fine' }].map((state) => ServiceState.fromPartial(state));

    await expect(services.renew('default', states, nodeCaller(node.id))).rejects.toMatchObject({ code: 'invalid_argument' });

    expect(repository.view.service('default', 'a')?.value).toMatchObject({ health: '', withheld: '' });
  });
});
