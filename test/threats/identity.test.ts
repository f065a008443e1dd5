import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import { expect, it, onTestFinished } from 'vitest';
import { serverName, subjectUri } from '../../src/domain/certificate.js';
import { AdminServiceClient, ListAuditRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { issueLeafCertificate } from '../../src/platform/x509/certificate.js';
import { makeCsr } from '../../src/platform/x509/csr.js';
import { generateP256 } from '../../src/platform/x509/p256.js';
import { toPem } from '../../src/platform/x509/pem.js';
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

it('Expired certificate on an open stream', async () => {
  const server = await startTestServer({ settings: ['certificates: { grpc: 6s }'] });
  const member = await server.join(await server.token());
  const stream = streamOf(server.control(member).watch({ epoch: '', fromRevision: 0n, agentVersion: '1' }));
  await until(() => stream.messages > 0);

  const refusal = await stream.ended;

  expect(refusal.metadata.get('nc-error-code')).toEqual(['certificate_invalid']);
  expect(Date.parse(new X509Certificate(member.grpcCertificate).validTo)).toBeLessThanOrEqual(Date.now());
});

it('Revoked admin keeps watching', async () => {
  const server = await startTestServer();
  const [alice, bob] = [await adminClient(server, 'alice'), await adminClient(server, 'bob')];
  const [revoked, good] = [alice, bob].map((client) => streamOf(client.watchEvents({ fromRevision: 1n, follow: true, limit: 0 })));
  for (const stream of [revoked!, good!]) await until(() => stream.messages > 0);

  await callUnary(server.admin, 'revokeAdmin', { admin: 'alice' });

  expect((await revoked!.ended).metadata.get('nc-error-code')).toEqual(['certificate_invalid']);
  expect(good!.over).toBe(false);
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

interface FollowedStream {
  readonly messages: number;
  readonly over: boolean;
  /** The refusal that ends it. */
  readonly ended: Promise<ServiceError>;
}

function streamOf(call: ClientReadableStream<unknown>): FollowedStream {
  const seen = { messages: 0, over: false };
  call.on('data', () => void seen.messages++);
  const ended = new Promise<ServiceError>((resolve) => call.once('error', (error) => resolve(error as ServiceError)));
  call.on('error', () => (seen.over = true));
  onTestFinished(() => call.cancel());
  return Object.assign(seen, { ended });
}

async function adminClient(server: TestServer, name: string): Promise<AdminServiceClient> {
  const key = generateP256();
  const { certificate, grpcCas } = await callUnary(server.admin, 'createAdmin', { name, role: 'admin', csr: makeCsr(key, name), ttlMs: 0 });
  const identity = { certificate: toPem(certificate), key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  const tls = { ca: (grpcCas?.certificates ?? []).map((der) => toPem(der)).join(''), serverName: serverName(server.clusterId), identity };
  const client = connect(AdminServiceClient, { address: `127.0.0.1:${server.ports.control}`, tls });
  onTestFinished(() => client.close());
  return client;
}

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
