import { describe, expect, it } from 'vitest';
import { randomBytes, X509Certificate } from 'node:crypto';
import { parseJoinString } from '../../src/domain/join-string.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { CaBundle } from '../../src/platform/x509/ca-bundle.js';
import { verifyNetworkCertificate } from '../../src/platform/x509/network-certificate.js';
import { ManualClock } from '../support/clock.js';
import { machineKeys, startTestServer } from '../support/server.js';

const code = (expected: string) => expect.objectContaining({ code: expected });
const status = { summaryOnly: false, pageSize: 0, pageToken: '', network: '' };

describe('Register', () => {
  it('is refused with a token of another cluster, to which nothing is sent', async () => {
    const [ours, theirs] = [await startTestServer(), await startTestServer()];
    const join = await theirs.token();
    const elsewhere = `${join.split('@')[0]}@127.0.0.1:${ours.ports.bootstrap}`;

    await expect(ours.join(elsewhere)).rejects.toEqual(code('pin_mismatch'));
  });

  it.each([
    ['a proof of another key', { wgProof: randomBytes(32) }, 'proof_invalid'],
    ['somebody else’s WireGuard key', { wgPublicKey: machineKeys().wireGuard.publicKey }, 'proof_invalid'],
    ['a cookie of nobody', { cookie: randomBytes(72) }, 'proof_invalid'],
    ['no proof', { wgProof: Buffer.alloc(0) }, 'proof_invalid'],
    ['a request that is no CSR', { grpcCsr: Buffer.from('csr') }, 'proof_invalid'],
    ['a name that is none', { nodeName: 'Web 1' }, 'invalid_argument'],
    ['a token of no form', { bootstrapToken: 'abc' }, 'token_invalid'],
  ])('with %s is refused and spends nothing', async (_what, wanted, refusal) => {
    const server = await startTestServer();
    const join = await server.token();

    await expect(server.join(join, wanted)).rejects.toEqual(code(refusal));

    await expect(server.join(join)).resolves.toBeDefined();
  });

  it('has no keys checked for whoever does not hold the secret of a token', async () => {
    const server = await startTestServer();
    const { id } = parseJoinString(await server.token()).token;

    const attempt = server.join(await server.token(), { bootstrapToken: `${id}.${'A'.repeat(22)}`, cookie: randomBytes(104), wgProof: randomBytes(32) });

    await expect(attempt).rejects.toEqual(code('token_invalid'));
  });

  it('gives a machine an address, a token and certificates for its own keys', async () => {
    const server = await startTestServer({ settings: ['networkAddr6: fd00:66::/64'] });

    const member = await server.join(await server.token(), { nodeName: 'web1' });

    expect(member).toMatchObject({ nodeName: 'web1', bindIp: '10.66.0.2', bindIp6: 'fd00:66::2', clusterId: server.clusterId });
    expect(member.nodeToken).toMatch(/^ncn1_[0-9a-f]{16}\.[A-Za-z0-9_-]{43}$/);
    const bundle = new CaBundle(member.bundle!.network!.certificates);
    const statement = verifyNetworkCertificate(member.networkCertificate, { bundle, clusterId: server.clusterId, nowMs: Date.now() });
    expect(statement).toMatchObject({ nodeId: member.nodeId, network: 'default', addresses: ['10.66.0.2', 'fd00:66::2'] });
    expect(Buffer.from(statement.wgPublicKey)).toEqual(member.keys.wireGuard.publicKey);
  });

  it('opens the control listener for the node, and for the node only', async () => {
    const server = await startTestServer();
    const [a, b] = [await server.join(await server.token()), await server.join(await server.token())];

    const own = await callUnary(server.control(a), 'checkConnState', { token: '' });

    expect(own).toMatchObject({ code: '200', connState: -1, bindIp: '10.66.0.2' });
    expect(await callUnary(server.control(a), 'getRegistedIp', { token: a.nodeToken })).toMatchObject({ ip: '10.66.0.2' });
    for (const method of ['checkConnState', 'getRegistedIp', 'unRegister'] as const) {
      await expect(callUnary(server.control(a), method, { token: b.nodeToken })).rejects.toEqual(code('permission_denied'));
    }
  });

  it('is not undone by a restart: the same node, the same address, the same certificate', async () => {
    const server = await startTestServer();
    const member = await server.join(await server.token(), { nodeName: 'web1' });
    await server.stop();

    const again = await startTestServer({ dir: server.dir });

    const { nodes } = await callUnary(again.admin, 'getStatus', status);
    expect(nodes.map(({ name, bindIp }) => [name, bindIp]).sort()).toEqual([['controller', '10.66.0.1'], ['web1', '10.66.0.2']]);
    expect(await callUnary(again.control(member), 'checkConnState', { token: '' })).toMatchObject({ bindIp: '10.66.0.2' });
    const next = await again.join(await again.token());
    expect(next.bindIp).toBe('10.66.0.3');
  });

  it('dates certificates by the clock of the wall, although that once ran ahead and was set right', async () => {
    const clock = new ManualClock(Date.now());
    const server = await startTestServer({ clock });
    clock.set(Date.now() + 3 * 3_600_000);
    await server.token();
    clock.set(Date.now());

    const member = await server.join(await server.token());

    for (const der of [member.grpcCertificate, member.networkCertificate]) {
      expect(Date.parse(new X509Certificate(der).validFrom)).toBeLessThanOrEqual(Date.now());
    }
    expect(await callUnary(server.control(member), 'checkConnState', { token: '' })).toMatchObject({ code: '200' });
  });

  it('ends with UnRegister: the certificate is refused from the next call on', async () => {
    const server = await startTestServer();
    const member = await server.join(await server.token());
    const control = server.control(member);

    expect(await callUnary(control, 'unRegister', { token: '' })).toMatchObject({ code: '200', result: true });

    await expect(callUnary(control, 'checkConnState', { token: '' })).rejects.toEqual(code('node_revoked'));
  });
});

describe('a join string', () => {
  it('carries the pin of the CA and where to find the server', async () => {
    const server = await startTestServer();

    const { pins, endpoints } = parseJoinString(await server.token());

    expect(pins).toHaveLength(1);
    expect(endpoints).toEqual([{ host: '127.0.0.1', port: server.ports.bootstrap }]);
  });

  it('works until its time is over, whoever swept what', async () => {
    const clock = new ManualClock(Date.now());
    const server = await startTestServer({ clock });
    const join = await server.token({ expireMs: 60_000, unboundedUses: true });
    await server.join(join);

    clock.set(clock.now() + 60_001);

    await expect(server.join(join)).rejects.toEqual(code('token_expired'));
  });
});
