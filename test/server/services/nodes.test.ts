import { describe, expect, it } from 'vitest';
import { CertificateRecord_State, NodeRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { Service } from '../../../src/gen/networkcontroller/v1/types.js';
import { keys } from '../../../src/server/store/keys.js';
import { ADMIN, startServices } from '../../support/services.js';

const code = (expected: string) => expect.objectContaining({ code: expected });

describe('unregister', () => {
  it('of an unknown node changes nothing', async () => {
    const { nodes, repository } = await startServices();
    const before = repository.view.rev;

    await expect(nodes.remove('nobody', 'default', 'UnregisterNode', ADMIN)).rejects.toEqual(code('node_unknown'));

    expect(repository.view.rev).toBe(before);
  });

  it('of a node that never connected leaves everybody else in place', async () => {
    const { nodes, register, token, repository } = await startServices();
    const text = await token({ maxUses: 0 });
    const [gone, stays] = [await register(text), await register(text)];

    await nodes.remove(gone.node.id, 'default', 'UnregisterNode', ADMIN);

    expect(repository.view.nodeById(gone.node.id)).toBeUndefined();
    expect(repository.view.nodeById(stays.node.id)).toBeDefined();
  });

  it('of a connected node forgets its presence, which does not come back', async () => {
    const { nodes, register, token, presence, repository } = await startServices();
    const { node } = await register(await token());
    presence.streamOpened(node.id, 'default', 'test');
    await presence.flush();

    await nodes.remove(node.name, 'default', 'UnregisterNode', ADMIN);
    presence.streamClosed(node.id);
    await presence.flush();

    expect(presence.of(node.id)).toBeUndefined();
    expect(repository.view.presence('default', node.id)).toBeUndefined();
  });

  it('of the reserved node is refused: it is the controller itself', async () => {
    const { nodes, store } = await startServices();
    const record = NodeRecord.fromPartial({ id: 'reserved00000000', network: 'default', name: 'controller', bindIp: '10.66.0.1', reserved: true });
    await store.txn({ if: [], then: [{ put: keys.node('default', record.id), value: NodeRecord.encode(record).finish() }] });

    await expect(nodes.remove(record.id, 'default', 'UnregisterNode', ADMIN)).rejects.toEqual(code('node_reserved'));
  });

  it('twice is once: the second is told that there is no such node', async () => {
    const { nodes, register, token } = await startServices();
    const { node, nodeToken } = await register(await token());

    const outcomes = await Promise.allSettled([0, 1].map(() => nodes.remove(nodeToken, 'default', 'UnRegister', ADMIN)));

    expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
    await expect(nodes.remove(node.id, 'default', 'UnRegister', ADMIN)).rejects.toEqual(code('node_unknown'));
  });

  it('revokes every certificate of the node and takes its services out', async () => {
    const { nodes, services, register, token, repository } = await startServices();
    const { node } = await register(await token());
    await services.add(Service.fromPartial({ name: 'registry', nodeId: node.id, port: 80 }), ADMIN);

    await nodes.remove(node.id, 'default', 'UnregisterNode', ADMIN);

    for (const serial of [node.grpcSerial, node.networkSerial]) {
      expect(repository.view.certificate(serial)?.value.state).toBe(CertificateRecord_State.STATE_REVOKED);
    }
    expect(repository.view.serviceCount()).toBe(0);
  });
});

describe('rename', () => {
  it('is refused for a name that is taken or no name, and keeps the old one', async () => {
    const { nodes, register, token, repository } = await startServices();
    const text = await token({ maxUses: 0 });
    await register(text, { nodeName: 'db1' });
    const { node } = await register(text, { nodeName: 'db2' });

    await expect(nodes.rename(node.id, 'default', 'db1', ADMIN)).rejects.toEqual(code('name_taken'));
    await expect(nodes.rename(node.id, 'default', 'Db 1', ADMIN)).rejects.toEqual(code('invalid_argument'));

    expect(repository.view.nodeByName('default', 'db2')?.value.id).toBe(node.id);
  });

  it('frees the old name', async () => {
    const { nodes, register, token } = await startServices();
    const text = await token({ maxUses: 0 });
    const { node } = await register(text, { nodeName: 'db1' });

    await nodes.rename('db1', 'default', 'db9', ADMIN);

    expect(nodes.find('db9', 'default').id).toBe(node.id);
    await expect(register(text, { nodeName: 'db1' })).resolves.toBeDefined();
  });
});
