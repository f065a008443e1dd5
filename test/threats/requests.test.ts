import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { expect, it, onTestFinished } from 'vitest';
import { AdminServiceClient, AdminServiceService, CreateTokenRequest, ListNodesRequest, type CreateTokenResponse } from '../../src/gen/networkcontroller/v1/admin.js';
import { BootstrapServiceService } from '../../src/gen/networkcontroller/v1/bootstrap.js';
import { DeregisterServiceRequest, NodeServiceService, RegisterServiceRequest } from '../../src/gen/networkcontroller/v1/node.js';
import { RelayServiceService } from '../../src/gen/networkcontroller/v1/relay.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { makeCsr } from '../../src/platform/x509/csr.js';
import { generateP256 } from '../../src/platform/x509/p256.js';
import { asLocal } from '../../src/server/auth/authenticate.js';
import { POLICY } from '../../src/server/transport/policy.js';
import { service } from '../../src/server/transport/service.js';
import { openssl } from '../support/openssl.js';
import { startTlsTestListener } from '../support/rpc-listener.js';
import { controlTarget, machineKeys, startTestServer, type Member, type TestServer } from '../support/server.js';
import { childrenOf, wrap } from '../support/test-ca.js';

/** The admin service, asked with the certificate of a node. */
function adminAs(server: TestServer, member: Member): AdminServiceClient {
  const client = connect(AdminServiceClient, controlTarget(server, member));
  onTestFinished(() => client.close());
  return client;
}

it('Malicious CSR (depth, size, BER, wrong curve, foreign key, requested SAN/CA)', async () => {
  const server = await startTestServer();
  const member = await server.join(await server.token());
  const control = server.control(member);
  const networkCsr = makeCsr(generateP256(), 'node');
  const good = makeCsr(generateP256(), 'node');

  const [contents, algorithm, signature] = childrenOf(good) as [Buffer, Buffer, Buffer];
  const body = Buffer.concat([contents, algorithm, signature]);
  const foreignKey = wrap(0x30, Buffer.concat([childrenOf(makeCsr(generateP256(), 'node'))[0]!, algorithm, signature]));
  for (const [what, csr] of Object.entries({
    depth: Array.from({ length: 500 }).reduce<Buffer>((der) => wrap(0x30, der), Buffer.alloc(0)),
    size: makeCsr(generateP256(), 'x'.repeat(4_000)),
    BER: Buffer.concat([Buffer.from([0x30, 0x83, 0, body.length >> 8, body.length & 0xff]), body]),
    'wrong curve': csrOfAnotherCurve(contents, algorithm),
    'foreign key': foreignKey,
  })) {
    await expect(callUnary(control, 'renew', { grpcCsr: csr, networkCsr }), what).rejects.toMatchObject({ code: 'csr_invalid' });
  }
  const { grpcCertificate } = await callUnary(control, 'renew', { grpcCsr: greedyCsr(server.clusterId), networkCsr });

  const issued = new X509Certificate(grpcCertificate);
  expect([issued.ca, issued.subjectAltName]).toEqual([false, `URI:nc://${server.clusterId}/node/${member.nodeId}`]);
});

it('Registering someone else’s WireGuard key', async () => {
  const server = await startTestServer();
  const member = await server.join(await server.token());
  const text = await server.token();
  const ownKeys = machineKeys();

  await expect(server.join(text, { wgPublicKey: member.keys.wireGuard.publicKey })).rejects.toMatchObject({ code: 'proof_invalid' });
  await expect(server.join(text, { keys: { ...ownKeys, wireGuard: member.keys.wireGuard } })).rejects.toMatchObject({ code: 'wireguard_key_taken' });

  expect((await callUnary(server.admin, 'getToken', { id: text.slice(5, 21) })).token?.used).toBe(0);
});

it('Node calls admin RPC (LiteKube hole)', async () => {
  const server = await startTestServer();
  const client = adminAs(server, await server.join(await server.token()));

  const methods = Object.entries(AdminServiceService);
  const refusals = await Promise.all(methods.map(async ([, method]) => codeOf(client, method)));

  expect(methods.length).toBeGreaterThan(15);
  expect(methods.map(([name], at) => [name, refusals[at]])).toEqual(methods.map(([name]) => [name, 'permission_denied']));
});

it('Node acts on another node', async () => {
  const server = await startTestServer();
  const [a, b] = [await server.join(await server.token()), await server.join(await server.token())];
  const control = server.control(a);
  const offered = await callUnary(server.control(b), 'registerService', RegisterServiceRequest.fromPartial({ service: { name: 'db', port: 5432, protocol: 'tcp' } }));

  for (const method of ['checkConnState', 'getRegistedIp', 'unRegister'] as const) {
    await expect(callUnary(control, method, { token: b.nodeToken })).rejects.toMatchObject({ code: 'permission_denied' });
  }
  await expect(callUnary(control, 'deregisterService', DeregisterServiceRequest.fromPartial({ id: offered.service!.id }))).rejects.toMatchObject({ code: expect.stringMatching(/permission_denied|service_unknown/) });

  const { nodes } = await callUnary(server.admin, 'listNodes', ListNodesRequest.fromPartial({ pageSize: 10 }));
  expect(nodes.map(({ id }) => id)).toContain(b.nodeId);
});

it('New RPC forgotten in policy', async () => {
  const services = [AdminServiceService, BootstrapServiceService, NodeServiceService, RelayServiceService];
  expect(Object.keys(POLICY).sort()).toEqual(services.flatMap((each) => Object.values(each).map(({ path }) => path)).sort());

  const path = '/networkcontroller.v1.AdminService/Forgotten';
  let served = 0;
  const forgotten = service({ forgotten: { ...AdminServiceService.getToken, path } }, { forgotten: () => Promise.resolve({ token: undefined, served: ++served }) });
  const listener = await startTlsTestListener({ services: [forgotten], authenticate: asLocal });
  const client = connect(AdminServiceClient, listener.target);
  onTestFinished(() => client.close());

  expect(await codeOf(client, { ...AdminServiceService.getToken, path })).toBe('internal');
  expect(served).toBe(0);
});

it('Forged metadata identity', async () => {
  const server = await startTestServer();
  const client = adminAs(server, await server.join(await server.token()));
  const metadata = new Metadata();
  for (const [key, value] of [['x-nc-identity', 'admin'], ['x-nc-role', 'admin'], ['authorization', 'Bearer admin'], ['x-forwarded-for', '127.0.0.1']] as const) metadata.set(key, value);

  const answer = new Promise<CreateTokenResponse>((resolve, reject) => {
    client.createToken(CreateTokenRequest.fromPartial({}), metadata, (error, response) => (error === null ? resolve(response) : reject(error)));
  });

  await expect(answer).rejects.toMatchObject({ details: expect.stringContaining('permission_denied') });
});

type Method = Omit<(typeof AdminServiceService)[keyof typeof AdminServiceService], 'path'> & { readonly path: string };

/** How a method refuses its empty request. */
function codeOf(client: AdminServiceClient, { path, requestSerialize, responseDeserialize, requestDeserialize, responseStream }: Method): Promise<string> {
  const serialize = requestSerialize as (request: unknown) => Buffer;
  const request: unknown = requestDeserialize(Buffer.alloc(0));
  return new Promise((resolve) => {
    const tell = (error: ServiceError | null): void => resolve(error === null ? 'ok' : (/^[a-z_]+(?=: )/.exec(error.details)?.[0] ?? error.details));
    if (responseStream) client.makeServerStreamRequest(path, serialize, responseDeserialize as (bytes: Buffer) => unknown, request).on('error', (error) => tell(error as ServiceError)).on('end', () => tell(null)).resume();
    else client.makeUnaryRequest(path, serialize, responseDeserialize as (bytes: Buffer) => unknown, request, tell);
  });
}

/** A request whose key is of P-384, signed with it. */
function csrOfAnotherCurve(contents: Buffer, algorithm: Buffer): Buffer {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
  const changed = wrap(0x30, Buffer.concat(childrenOf(contents).map((child, at) => (at === 2 ? publicKey.export({ type: 'spki', format: 'der' }) : child))));
  return wrap(0x30, Buffer.concat([changed, algorithm, wrap(3, Buffer.concat([Buffer.alloc(1), sign('sha256', changed, privateKey)]))]));
}

/** A request, made by openssl, to be a CA and an admin. */
function greedyCsr(clusterId: string): Buffer {
  const config = [
    '[req]', 'prompt=no', 'distinguished_name=dn', 'req_extensions=ext', '[dn]', 'CN=admin', '[ext]',
    'basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign', `subjectAltName=URI:nc://${clusterId}/admin/root`,
  ].join('\n');
  const key = generateP256().privateKey.export({ type: 'pkcs8', format: 'pem' });
  const pem = openssl(['req', '-new', '-config', '@config', '-key', '@key.pem', '-outform', 'PEM'], { config, 'key.pem': key });
  return Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
}
