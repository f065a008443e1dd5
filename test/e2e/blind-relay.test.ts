import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseHostPort } from '../../src/domain/host-port.js';
import { AdminServiceClient, CreateTokenRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { secretsInMemory } from '../support/process-memory.js';
import { startServerProcess, type ServerProcess } from '../support/server-process.js';
import { joinMachine, type Member } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';
import { WireguardNode } from '../support/wireguard-node.js';

const TALK = Buffer.from('what one node says to the other, and to nobody else: 4e1f6a');

it('relays in nc-server what no key in its memory opens', async () => {
  const server = await startServerProcess(tmpDir());
  const [one, other] = [await joinOne(server), await joinOne(server)];
  const controllerKey = Buffer.from(one.network!.controller!.wgPublicKey);
  const [a, b] = [await nodeOf(one), await nodeOf(other)];
  const withController = [];
  for (const node of [a, b]) {
    await node.connect(controllerKey);
    withController.push(node.sessionKeys!.sendKey);
    await node.settle();
  }

  const session = await a.connect(b.publicKey);
  a.transmit(session.seal(TALK));
  b.transmit((await until(() => b.session, 'the session of the other end')).seal(TALK));
  await until(() => [a, b].every((node) => node.packets.some((packet) => packet.includes(TALK))), 'packets both ways through the relay');

  const secrets = {
    "one node's private key": one.keys.wireGuard.privateKey,
    "the other node's private key": other.keys.wireGuard.privateKey,
    'key of the session, one way': a.sessionKeys!.sendKey,
    'key of the session, other way': a.sessionKeys!.receiveKey,
    'what was said': TALK,
  };
  // What it must have shows that the search finds what is there.
  const own = {
    "the controller's private key": Buffer.from(readFileSync(join(server.workDir, 'wireguard.key'), 'utf8'), 'base64'),
    "one node's session with the controller": withController[0]!,
    "the other node's session with the controller": withController[1]!,
  };
  expect(b.sessionKeys!.sendKey).toEqual(a.sessionKeys!.receiveKey);
  expect(secretsInMemory(server.pid, { ...own, ...secrets })).toEqual(Object.keys(own).sort());
});

async function joinOne(server: ServerProcess): Promise<Member> {
  const admin = connect(AdminServiceClient, { socketPath: server.adminSocket });
  try {
    return await joinMachine((await callUnary(admin, 'createToken', CreateTokenRequest.fromPartial({}))).join);
  } finally {
    admin.close();
  }
}

function nodeOf({ keys, network }: Member): Promise<WireguardNode> {
  const { host, port } = parseHostPort(network!.controller!.endpoints[0]!);
  return WireguardNode.open(keys.wireGuard.privateKey, port, host);
}
