import { describe, expect, it } from 'vitest';
import { Service } from '../../../src/gen/networkcontroller/v1/types.js';
import type { Caller } from '../../../src/server/auth/caller.js';
import { ADMIN, startServices } from '../../support/services.js';

const code = (expected: string) => expect.objectContaining({ code: expected });
const nodeCaller = (nodeId: string): Caller => ({ kind: 'node', nodeId, network: 'default', serial: 'AA', address: '10.0.0.1' });

describe('a service', () => {
  it.each([
    [{ name: 'Registry' }, /service.name: want a lower-case DNS label/],
    [{ name: 'registry', port: 70_000 }, /service.port: want 0 to 65535/],
    [{ name: 'registry', protocol: 'sctp' }, /service.protocol: want tcp or udp/],
    [{ name: 'registry', channel: 'nightly' }, /service.channel: want stable or beta or alpha/],
    [{ name: 'registry', address: '10.0.0.300' }, /service.address: want an IPv4 address/],
    [{ name: 'registry', ttlSeconds: 700_000 }, /service.ttl_seconds/],
    [{ name: 'registry', metadata: { k: 'x'.repeat(300) } }, /service.metadata: want "key=value" of at most 255 bytes/],
    [{ name: 'registry', metadata: { 'a=b': 'c' } }, /service.metadata/],
    [{ name: 'registry', network: 'other' }, /network: want one of default/],
    [{ name: 'registry', nodeId: 'nobody' }, /node: want the id or name of a node/],
  ])('that is %j is refused and not kept', async (wanted, sentence) => {
    const { services, repository } = await startServices();

    await expect(services.add(Service.fromPartial({ address: '192.0.2.1', ...wanted }), ADMIN)).rejects.toThrow(sentence);

    expect(repository.view.serviceCount()).toBe(0);
  });

  it('without node and address is refused', async () => {
    const { services } = await startServices();

    await expect(services.add(Service.fromPartial({ name: 'registry' }), ADMIN)).rejects.toThrow(/want a node or an address/);
  });

  it('of one node is not another node’s to replace or remove', async () => {
    const { services, register, token } = await startServices();
    const text = await token({ maxUses: 0 });
    const [a, b] = [await register(text), await register(text)];
    const { result } = await services.add(Service.fromPartial({ name: 'registry', nodeId: a.node.id, port: 80 }), nodeCaller(a.node.id));

    const theirs = Service.fromPartial({ ...result, nodeId: b.node.id });
    await expect(services.add(theirs, nodeCaller(b.node.id))).rejects.toEqual(code('permission_denied'));
    await expect(services.remove(result.id, 'default', nodeCaller(b.node.id))).rejects.toEqual(code('permission_denied'));
  });

  it('keeps its id to itself: another service cannot take it over', async () => {
    const { services } = await startServices();
    await services.add(Service.fromPartial({ id: 'one', name: 'registry', address: '192.0.2.1' }), ADMIN);

    await expect(services.add(Service.fromPartial({ id: 'one', name: 'config', address: '192.0.2.2' }), ADMIN)).rejects.toThrow(/instance of registry already/);
  });

  it('is removed by id alone, or all its instances by name', async () => {
    const { services, repository } = await startServices();
    for (const id of ['a', 'b', 'c']) await services.add(Service.fromPartial({ id, name: 'registry', address: '192.0.2.1' }), ADMIN);

    await services.remove('b', 'default', ADMIN);
    expect([...repository.view.servicesOf('default', 'registry')].map(({ value }) => value.id)).toEqual(['a', 'c']);
    await services.remove('registry', 'default', ADMIN);

    expect(repository.view.serviceCount()).toBe(0);
    await expect(services.remove('registry', 'default', ADMIN)).rejects.toEqual(code('service_unknown'));
  });

  it('is replaced by the same id, without a second instance', async () => {
    const { services, repository } = await startServices();
    await services.add(Service.fromPartial({ id: 'a', name: 'registry', address: '192.0.2.1', port: 1 }), ADMIN);

    await services.add(Service.fromPartial({ id: 'a', name: 'registry', address: '192.0.2.1', port: 2 }), ADMIN);

    expect([...repository.view.servicesOf('default', 'registry')].map(({ value }) => value.port)).toEqual([2]);
  });
});
