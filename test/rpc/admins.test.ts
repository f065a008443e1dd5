import { describe, expect, it, onTestFinished } from 'vitest';
import { serverName } from '../../src/domain/certificate.js';
import { parseJoinString } from '../../src/domain/join-string.js';
import { AdminServiceClient, CreateAdminRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { makeCsr } from '../../src/platform/x509/csr.js';
import { generateP256 } from '../../src/platform/x509/p256.js';
import { toPem } from '../../src/platform/x509/pem.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

const code = (expected: string) => expect.objectContaining({ code: expected });

async function adminAt(server: TestServer, name: string, role: string): Promise<{ client: AdminServiceClient; serial: string }> {
  const key = generateP256();
  const made = await callUnary(server.admin, 'createAdmin', CreateAdminRequest.fromPartial({ name, role, csr: makeCsr(key, name) }));
  const identity = { certificate: toPem(made.certificate), key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  const tls = { ca: made.grpcCas!.certificates.map((der) => toPem(der)).join(''), serverName: serverName(made.clusterId), identity };
  const client = connect(AdminServiceClient, { address: `127.0.0.1:${server.ports.control}`, tls });
  onTestFinished(() => client.close());
  return { client, serial: made.admin!.serial };
}

const noToken = { expireMs: 0, maxUses: 0, unboundedUses: false, label: '', network: '', nodeName: '', bindIp: '', labels: [], ephemeral: false, fromCidrs: [] };
const anyNode = { network: '', pageSize: 0, pageToken: '', state: 0 };

describe('an admin', () => {
  it.each([
    [{ name: 'Alice' }, 'invalid_argument'],
    [{ role: 'root' }, 'invalid_argument'],
    [{ csr: Buffer.from('no request') }, 'csr_invalid'],
    [{ ttlMs: 1 }, 'invalid_argument'],
    [{ ttlMs: 31 * 86_400_000 }, 'invalid_argument'],
  ])('asked for as %j is refused', async (wanted, refusal) => {
    const server = await startTestServer();
    const request = CreateAdminRequest.fromPartial({ name: 'alice', role: 'admin', csr: makeCsr(generateP256(), 'alice'), ...wanted });

    await expect(callUnary(server.admin, 'createAdmin', request)).rejects.toEqual(code(refusal));

    expect((await callUnary(server.admin, 'listAdmins', {})).admins).toEqual([]);
  });

  it('of role viewer may look and change nothing', async () => {
    const server = await startTestServer();
    const { client } = await adminAt(server, 'vera', 'viewer');

    await expect(callUnary(client, 'listNodes', anyNode)).resolves.toBeDefined();

    await expect(callUnary(client, 'createToken', noToken)).rejects.toEqual(code('permission_denied'));
    await expect(callUnary(client, 'unregisterNode', { node: 'x', network: '' })).rejects.toEqual(code('permission_denied'));
  });

  it('is no admin any more from the call after the revocation on, over the same connection', async () => {
    const server = await startTestServer();
    const { client, serial } = await adminAt(server, 'alice', 'admin');
    await callUnary(client, 'createToken', noToken);

    const { admins } = await callUnary(server.admin, 'revokeAdmin', { admin: 'alice' });

    expect(admins.map((admin) => admin.serial)).toEqual([serial]);
    await expect(callUnary(client, 'listNodes', anyNode)).rejects.toEqual(code('certificate_invalid'));
    await expect(callUnary(server.admin, 'revokeAdmin', { admin: 'bob' })).rejects.toEqual(code('admin_unknown'));
  });

  it('finds who did what, and who was refused what, in the audit log', async () => {
    const server = await startTestServer();
    const member = await server.join(await server.token());
    const asNode = connect(AdminServiceClient, {
      address: `127.0.0.1:${server.ports.control}`,
      tls: {
        ca: member.caPem,
        serverName: serverName(member.clusterId),
        identity: { certificate: toPem(member.grpcCertificate), key: member.keys.grpc.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() },
      },
    });
    onTestFinished(() => asNode.close());
    for (let i = 0; i < 3; i++) await expect(callUnary(asNode, 'createToken', noToken)).rejects.toEqual(code('permission_denied'));

    const list = async () => (await callUnary(server.admin, 'listAudit', { actor: '', object: '', result: '', pageSize: 0, pageToken: '' })).entries;
    const entries = await until(async () => {
      const all = await list();
      return all.some((entry) => entry.result === 'permission_denied') && all;
    });

    expect(entries.filter((entry) => entry.result === 'permission_denied')).toEqual([
      expect.objectContaining({ actor: `node:${member.nodeId}`, method: 'CreateToken', peerAddress: '127.0.0.1' }),
    ]);
    expect(entries.map((entry) => `${entry.actor} ${entry.method} ${entry.result}`)).toEqual(expect.arrayContaining(['local CreateToken ok', 'anonymous Register ok']));
  });
});

describe('a rotated token', () => {
  it('is good with both secrets for a while, then with the new one only', async () => {
    const server = await startTestServer();
    const { token, join: old } = await callUnary(server.admin, 'createToken', { ...noToken, maxUses: 9 });
    const { join } = await callUnary(server.admin, 'rotateToken', { id: token!.id, graceMs: 60_000 });
    await server.join(old);
    await server.join(join);

    const { join: last } = await callUnary(server.admin, 'rotateToken', { id: token!.id, graceMs: 0 });

    await expect(server.join(join)).rejects.toEqual(code('token_invalid'));
    await server.join(last);
    expect(new Set([old, join, last].map((text) => parseJoinString(text).token.secret.reveal())).size).toBe(3);
    expect((await callUnary(server.admin, 'getToken', { id: token!.id })).token?.used).toBe(3);
  });
});
