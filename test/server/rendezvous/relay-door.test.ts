import { describe, expect, it, onTestFinished } from 'vitest';
import type { Duplex } from 'node:stream';
import { joinNode } from '../../../src/client/join.js';
import { nodeTls, relayTls } from '../../../src/client/node-session.js';
import { openRelayConnection } from '../../../src/client/relay-connection.js';
import type { Membership } from '../../../src/client/state/membership.js';
import { StateFolder } from '../../../src/client/state/state-folder.js';
import { silentLog } from '../../../src/platform/log.js';
import { callUnary, type ClientTls } from '../../../src/platform/rpc-client.js';
import { toPem } from '../../../src/platform/x509/pem.js';
import { clientConfig } from '../../support/client-node.js';
import { startController, type Controller } from '../../support/controller.js';
import { testCa, testLeaf } from '../../support/test-ca.js';
import { until } from '../../support/until.js';

describe('a connection that asks to carry packets', () => {
  it('is let in with a network certificate', async () => {
    const { controller, membership } = await aNode();

    const connection = await open(controller, relayTls(membership));

    expect(connection.destroyed).toBe(false);
  });

  it.each<[string, (membership: Membership) => Partial<ClientTls>]>([
    ['without a certificate', () => ({ identity: undefined as never })],
    ['with the gRPC certificate', (membership) => ({ identity: nodeTls(membership).identity! })],
    ['with a certificate of the same name by another CA', ({ facts }) => ({ identity: forged(facts) })],
  ])('is refused %s', async (_how, change) => {
    const { controller, membership } = await aNode();

    const opened = open(controller, { ...relayTls(membership), ...change(membership) });

    await expect(opened).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it('says nothing to a server that is not the controller', async () => {
    const { controller, membership } = await aNode();
    const other = await startController();

    await expect(open(other, relayTls(membership))).rejects.toMatchObject({ code: 'unavailable' });
    await expect(open(controller, { ...relayTls(membership), serverName: 'server.0000000000000000.nc.internal' })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('ends when its node is revoked, and the node is not let in again', async () => {
    const { controller, membership } = await aNode();
    const connection = await open(controller, relayTls(membership));
    connection.resume();

    await callUnary(controller.admin, 'revokeNode', { node: membership.facts.nodeId, network: '', reason: '' });

    await until(() => connection.destroyed, 'the connection to end');
    await expect(open(controller, relayTls(membership))).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it('ends when the node opens another', async () => {
    const { controller, membership } = await aNode();
    const first = await open(controller, relayTls(membership));
    first.resume();

    const second = await open(controller, relayTls(membership));

    await until(() => first.destroyed, 'the first connection to end');
    expect(second.destroyed).toBe(false);
  });

  it('ends when it sends no packets but something else', async () => {
    const { controller, membership } = await aNode();
    const connection = await open(controller, relayTls(membership));
    connection.resume();

    connection.write(Buffer.from([0, 0, 1, 2, 3]));

    await until(() => connection.destroyed, 'the connection to end');
  });
});

async function aNode(): Promise<{ controller: Controller; membership: Membership }> {
  const controller = await startController({ httpsPort: 0 });
  const config = clientConfig();
  await joinNode(config, await controller.joinString());
  return { controller, membership: StateFolder.open(config.stateDir, silentLog).membership()! };
}

async function open(controller: Controller, tls: ClientTls): Promise<Duplex> {
  const connection = await openRelayConnection(`127.0.0.1:${controller.server.ports.https}`, tls);
  onTestFinished(() => void connection.destroy());
  return connection;
}

function forged({ clusterId, nodeId }: Membership['facts']): { certificate: string; key: string } {
  const leaf = testLeaf(testCa(), { names: { uris: [`nc://${clusterId}/node/${nodeId}`] } });
  return { certificate: toPem(leaf.der), key: leaf.keyPem };
}
