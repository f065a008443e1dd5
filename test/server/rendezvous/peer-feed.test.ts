import { decode, encode } from 'dns-packet';
import { expect, it } from 'vitest';
import { callUnary } from '../../../src/platform/rpc-client.js';
import { parseIpPacket } from '../../../src/server/rendezvous/ip-packet.js';
import type { Session } from '../../../src/platform/wireguard/protocol/session.js';
import { aDatagram, aPing } from '../../support/ip-packets.js';
import { startTestServer, type Member, type TestServer, type TestServerOptions } from '../../support/server.js';
import { until } from '../../support/until.js';
import { WireguardNode } from '../../support/wireguard-node.js';

it('lets a node into the tunnel as soon as it has joined, and answers its ping and its DNS query', async () => {
  const { member, node, session } = await aMember(await startTestServer());
  const query = encode({ type: 'query', id: 7, questions: [{ type: 'A', name: `${member.nodeName}.${member.network!.name}.${member.network!.zone}` }] });

  node.transmit(session.seal(aPing(member.bindIp, controllerOf(member).bindIp)));
  node.transmit(session.seal(aDatagram(member.bindIp, controllerOf(member).bindIp, query)));
  const packets = await until(() => node.packets.filter((each) => each.length > 0).length === 2 && node.packets.filter((each) => each.length > 0));

  const answer = decode(packets.map(udpData).find((data) => data !== undefined)!);
  expect(answer.answers).toMatchObject([{ type: 'A', data: member.bindIp }]);
});

it('relays between nodes of a network, and not where they shall not reach each other', async () => {
  const together = await aPair({});
  const apart = await aPair({ settings: ['interconnection: false'] });

  const session = await together.a.connect(together.b.publicKey);
  apart.a.transmit(apart.a.initiation(apart.b.publicKey));

  await apart.a.settle();
  await apart.b.settle();
  expect(session).toBe(together.a.session);
  expect(apart.b.arrived.filter((message) => message.readUInt8(0) === 1)).toEqual([]);
});

it.each(['unregisterNode', 'revokeNode'] as const)('cuts a node off with %s, from the controller and from its peers', async (method) => {
  const { server, a, b, member } = await aPair({});
  const toB = await a.connect(b.publicKey);
  await a.settle();
  await b.settle();
  const [seenByA, seenByB] = [a.arrived.length, b.arrived.length];

  await callUnary(server.admin, method, { node: member.nodeName, network: '', reason: '' });
  a.transmit(toB.seal(Buffer.alloc(32)));
  a.transmit(a.initiation(controllerOf(member).wgPublicKey));
  b.transmit(b.initiation(a.publicKey));

  await a.settle();
  await b.settle();
  expect([a.arrived.length, b.arrived.length]).toEqual([seenByA, seenByB]);
});

it('knows the nodes of before after a restart', async () => {
  const first = await startTestServer();
  const { member } = await aMember(first);
  await first.stop();

  const second = await startTestServer({ dir: first.dir });
  const node = await WireguardNode.open(member.keys.wireGuard.privateKey, second.ports.wireguard);

  await node.connect(controllerOf(member).wgPublicKey);
});

interface Joined {
  readonly member: Member;
  readonly node: WireguardNode;
  /** With the controller. */
  readonly session: Session;
}

async function aMember(server: TestServer): Promise<Joined> {
  const member = await server.join(await server.token());
  const node = await WireguardNode.open(member.keys.wireGuard.privateKey, server.ports.wireguard);
  const session = await node.connect(controllerOf(member).wgPublicKey);
  await node.settle();
  return { member, node, session };
}

async function aPair(options: TestServerOptions): Promise<{ server: TestServer; member: Member; a: WireguardNode; b: WireguardNode }> {
  const server = await startTestServer(options);
  const [one, two] = [await aMember(server), await aMember(server)];
  return { server, member: one.member, a: one.node, b: two.node };
}

function controllerOf(member: Member): { readonly wgPublicKey: Buffer; readonly bindIp: string } {
  return member.network!.controller!;
}

/** What a packet carries over UDP; undefined for one that is not UDP. */
function udpData(bytes: Buffer): Buffer | undefined {
  const packet = parseIpPacket(bytes);
  return typeof packet === 'string' || packet.protocol !== 17 ? undefined : packet.payload.subarray(8);
}
