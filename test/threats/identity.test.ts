import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { subjectUri } from '../../src/domain/certificate.js';
import { ListAuditRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { issueLeafCertificate } from '../../src/platform/x509/certificate.js';
import { generateP256 } from '../../src/platform/x509/p256.js';
import { loadAuthorities } from '../../src/server/pki/ca.js';
import { startNode } from '../support/client-node.js';
import { startController } from '../support/controller.js';
import { renewed, report } from '../support/renewals.js';
import { controlTarget, startTestServer, type Member, type TestServer } from '../support/server.js';
import { highSTwin } from '../support/test-ca.js';
import { until } from '../support/until.js';
import { WireguardNode } from '../support/wireguard-node.js';

const revoke = ({ admin }: Pick<TestServer, 'admin'>, node: string) => callUnary(admin, 'revokeNode', { node, network: '', reason: 'stolen' });

it('Expired certificate on an open or resumed connection', async () => {
  const server = await startTestServer({ settings: ['certificates: { grpc: 8s }'] });
  const member = await server.join(await server.token());
  const open = server.control(member);
  await callUnary(open, 'checkConnState', { token: '' });
  const before = await tlsSession(server, member);
  expect(before).toMatchObject({ accepted: true });

  await until(() => Date.parse(new X509Certificate(member.grpcCertificate).validTo) < Date.now());

  await expect(callUnary(open, 'checkConnState', { token: '' })).rejects.toMatchObject({ code: 'certificate_invalid' });
  await expect(callUnary(server.control(member), 'checkConnState', { token: '' })).rejects.toMatchObject({ code: 'unavailable' });
  expect(await tlsSession(server, member, before.session)).toMatchObject({ accepted: false, resumed: false });
});

it('Revoked node keeps talking', async () => {
  const controller = await startController();
  const thief = await startNode(controller, 'thief');
  const peer = await startNode(controller, 'peer');
  const peersOf = (): string[] => (peer.device.configs.at(-1)?.peers ?? []).flatMap(({ allowedIps }) => allowedIps);
  await until(() => peersOf().includes(`${thief.facts.bindIp}/32`), 'the peer to be configured');

  await revoke(controller, 'thief');

  expect(await thief.agent.ended).toMatchObject({ code: 'node_revoked' });
  await until(() => !peersOf().includes(`${thief.facts.bindIp}/32`), 'the peer to be removed');
});

it('Revoked node keeps talking to the relay', async () => {
  const server = await startTestServer();
  const [member, other] = [await server.join(await server.token()), await server.join(await server.token())];
  const [revoked, good] = await Promise.all([member, other].map(({ keys }) => WireguardNode.open(keys.wireGuard.privateKey, server.ports.wireguard))) as [WireguardNode, WireguardNode];
  const rendezvousKey = Buffer.from(member.network!.controller!.wgPublicKey);
  await revoked.connect(rendezvousKey);

  await revoke(server, member.nodeId);
  const answered = revoked.arrived.length;
  revoked.transmit(revoked.initiation(rendezvousKey));
  await good.connect(rendezvousKey);
  await revoked.settle();

  expect(revoked.arrived.slice(answered)).toEqual([]);
});

it('Revocation bypass by ECDSA twin', async () => {
  const server = await startTestServer();
  const member = await server.join(await server.token());
  const twin = { ...member, grpcCertificate: highSTwin(Buffer.from(member.grpcCertificate)) };
  expect(new X509Certificate(twin.grpcCertificate).fingerprint256).not.toBe(new X509Certificate(member.grpcCertificate).fingerprint256);
  await report(server, twin);

  await revoke(server, member.nodeId);

  for (const each of [member, twin]) await expect(report(server, each)).rejects.toMatchObject({ code: 'node_revoked' });
});

it('Certificate signed outside the DB (mis-issued)', async () => {
  const server = await startTestServer();
  const member = await server.join(await server.token());
  const [ca] = await loadAuthorities(join(server.dir, 'work', 'pki'), 'grpc');
  const key = generateP256();

  for (const kind of ['node', 'admin'] as const) {
    const { der } = issueLeafCertificate(ca!.issuer, {
      spki: key.spki,
      commonName: member.nodeId,
      names: { uris: [subjectUri(server.clusterId, { kind, id: member.nodeId })] },
      usages: ['clientAuth'],
      notBeforeMs: Date.now() - 60_000,
      notAfterMs: Date.now() + 3_600_000,
    });
    const forged = { ...member, grpcCertificate: der, keys: { ...member.keys, grpc: key } };
    await expect(report(server, forged)).rejects.toMatchObject({ code: 'certificate_invalid' });
  }
});

it('Cloned node (copied disk)', async () => {
  const server = await startTestServer();
  const copy = await server.join(await server.token());
  const original = await renewed(server, copy);
  await report(server, original);

  await expect(report(server, copy)).rejects.toMatchObject({ code: 'certificate_superseded' });

  const serial = new X509Certificate(copy.grpcCertificate).serialNumber;
  await until(async () => {
    const { entries } = await callUnary(server.admin, 'listAudit', ListAuditRequest.fromPartial({ result: 'certificate_superseded' }));
    return entries.length > 0;
  }, `the audit entry about ${serial}`);
  await report(server, original);
});

/** A TLS connection of `member` to the control listener, with a session of an earlier one when given. */
function tlsSession(server: TestServer, member: Member, earlier?: Buffer): Promise<{ accepted: boolean; resumed: boolean; session?: Buffer }> {
  const target = controlTarget(server, member);
  const { ca, serverName: servername, identity } = target.tls;
  return new Promise((resolve) => {
    const socket = tlsConnect({ host: '127.0.0.1', port: server.ports.control, servername, ca, cert: identity.certificate, key: identity.key, ALPNProtocols: ['h2'], ...(earlier && { session: earlier }) });
    onTestFinished(() => void socket.destroy());
    let session: Buffer | undefined;
    let resumed = false;
    socket.on('session', (ticket: Buffer) => (session = ticket));
    socket.once('secureConnect', () => (resumed = socket.isSessionReused()));
    const tell = (accepted: boolean) => () => resolve({ accepted, resumed, ...(session && { session }) });
    socket.once('data', tell(true)).once('error', tell(false)).once('close', tell(false));
  });
}
