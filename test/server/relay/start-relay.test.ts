import { readdirSync, statSync, writeFileSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { callUnary } from '../../../src/platform/rpc-client.js';
import { parseWireGuardKey, wireGuardPublicKey } from '../../../src/platform/wireguard/keys.js';
import { startRelay, type RunningRelay } from '../../../src/server/relay/start-relay.js';
import { enrolled, runRelay, type EnrolledRelay } from '../../support/relays.js';
import { startTestServer, testConfig, type Member } from '../../support/server.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { until } from '../../support/until.js';
import { WireguardNode } from '../../support/wireguard-node.js';

const TALK = Buffer.from('good morning');

it('does not start where nobody has enrolled, nor with keys that others can read', async () => {
  await expect(startRelay(testConfig(tmpDir()), { log: silentLog })).rejects.toMatchObject({ code: 'not_initialised' });

  const relay = await enrolled(await startTestServer(), 'paris');
  chmodSync(join(relay.config.workDir, 'relay.json'), 0o644);
  await expect(startRelay(relay.config, { log: silentLog })).rejects.toMatchObject({ code: 'key_file_unsafe' });
  chmodSync(join(relay.config.workDir, 'relay.json'), 0o600);
  writeFileSync(join(relay.config.workDir, 'relay.json'), '{');
  await expect(startRelay(relay.config, { log: silentLog })).rejects.toMatchObject({ code: 'state_invalid' });
});

it('relays between the nodes of a network, from the first on and for whoever comes later, and keeps nothing that others can read', async () => {
  const server = await startTestServer();
  const one = await server.join(await server.token());
  const relay = await enrolled(server, 'paris');
  const running = await runRelay(relay);
  const other = await server.join(await server.token());

  await talk(relay, running, one, other);

  expect(running.stats().relayedPackets).toBeGreaterThan(3);
  await until(() => readdirSync(relay.config.workDir).includes('relay-map'), 'the map on disk');
  for (const file of readdirSync(relay.config.workDir)) expect(statSync(join(relay.config.workDir, file)).mode & 0o077).toBe(0);
});

it('relays for nobody whom the controller has removed, and between no nodes that may not meet', async () => {
  const server = await startTestServer({ settings: ['interconnection: false'] });
  const [one, other] = [await server.join(await server.token()), await server.join(await server.token())];
  const relay = await enrolled(server, 'paris');
  const running = await runRelay(relay);
  const [a, b] = [await knownNode(relay, running, one), await knownNode(relay, running, other)];

  a.transmit(a.initiation(b.publicKey));
  await a.settle();
  expect([b.arrived.filter((message) => message.readUInt32LE(0) === 1), running.stats().relayedPackets]).toEqual([[], 0]);

  await callUnary(server.admin, 'unregisterNode', { node: one.nodeId, network: 'default' });
  await until(async () => {
    const before = running.stats().droppedByReason.peer_unknown;
    a.transmit(a.initiation(relayKey(relay)));
    await a.settle();
    return running.stats().droppedByReason.peer_unknown > before;
  }, 'the node to be unknown');
});

it('starts without its controller and relays for whom it knew', async () => {
  const server = await startTestServer();
  const [one, other] = [await server.join(await server.token()), await server.join(await server.token())];
  const relay = await enrolled(server, 'paris');
  const before = await runRelay(relay);
  await talk(relay, before, one, other);
  await until(() => statSync(join(relay.config.workDir, 'relay-map'), { throwIfNoEntry: false })?.size, 'the map on disk');
  await before.stop();
  await server.stop();

  const after = await runRelay(relay);

  await talk(relay, after, one, other);
});

it('ends when it is revoked, and relays for nobody after that', async () => {
  const server = await startTestServer();
  const one = await server.join(await server.token());
  const relay = await enrolled(server, 'paris');
  const running = await runRelay(relay);
  await knownNode(relay, running, one);
  await until(() => readdirSync(relay.config.workDir).includes('relay-map'), 'the map on disk');

  await callUnary(server.admin, 'revokeRelay', { name: 'paris' });

  expect(await running.failed).toMatchObject({ code: 'relay_unknown' });
  expect(readdirSync(relay.config.workDir)).not.toContain('relay-map');
});

/** Two nodes talk to each other, both ways, by way of the relay alone. */
async function talk(relay: EnrolledRelay, running: RunningRelay, one: Member, other: Member): Promise<void> {
  const [a, b] = [await knownNode(relay, running, one), await knownNode(relay, running, other)];
  const session = await a.connect(b.publicKey);
  a.transmit(session.seal(TALK));
  b.transmit((await until(() => b.session, 'the other end of the session')).seal(TALK));
  await until(() => [a, b].every(({ packets }) => packets.some((packet) => packet.includes(TALK))), 'packets both ways');
}

/** A node with a session with the relay, as soon as the relay has heard of it. */
async function knownNode(relay: EnrolledRelay, running: RunningRelay, { keys }: Member): Promise<WireguardNode> {
  const node = await WireguardNode.open(keys.wireGuard.privateKey, running.port);
  await until(async () => {
    node.transmit(node.initiation(relayKey(relay)));
    await node.settle();
    return node.session;
  }, 'the relay to know the node');
  node.transmit(node.session!.seal());
  await node.settle();
  node.session = undefined;
  return node;
}

function relayKey({ membership }: EnrolledRelay): Buffer {
  return wireGuardPublicKey(parseWireGuardKey(membership.keys.wireguard.trim()));
}
