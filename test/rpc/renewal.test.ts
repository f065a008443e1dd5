import { describe, expect, it } from 'vitest';
import { silentLog, type Log } from '../../src/platform/log.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { makeCsr } from '../../src/platform/x509/csr.js';
import { generateP256 } from '../../src/platform/x509/p256.js';
import { recovered, renewed, report } from '../support/renewals.js';
import { startTestServer, type Member, type TestServer, type TestServerOptions } from '../support/server.js';

describe('Renew', () => {
  it('gives certificates for new keys, and the old ones are good until the new ones are used', async () => {
    const { server, member } = await serverWithMember();

    // The answer is lost: nobody uses what it brought.
    await renewed(server, member);
    await report(server, member);
    const next = await renewed(server, member);
    await report(server, next);

    await expect(report(server, member)).rejects.toMatchObject({ code: 'certificate_superseded' });
    await report(server, next);
  });

  it('makes the log warn of a copy when a superseded certificate is used', async () => {
    const warnings: string[] = [];
    const { server, member } = await serverWithMember({ log: warningsTo(warnings) });
    await report(server, await renewed(server, member));

    await expect(report(server, member)).rejects.toMatchObject({ code: 'certificate_superseded' });

    expect(warnings).toContainEqual(expect.stringContaining('a copy of the node'));
  });

  it('takes the certificates of answers that were lost out of use as soon as one is used', async () => {
    const { server, member } = await serverWithMember();
    const lost = await renewed(server, member);
    await report(server, await renewed(server, member));

    await expect(report(server, lost)).rejects.toMatchObject({ code: 'certificate_superseded' });
  });

  it('refuses a request that is not signed by its own key', async () => {
    const { server, member } = await serverWithMember();
    const csr = makeCsr(generateP256(), 'node');
    csr.writeUInt8(csr.readUInt8(csr.length - 1) ^ 1, csr.length - 1);

    await expect(callUnary(server.control(member), 'renew', { grpcCsr: csr, networkCsr: makeCsr(generateP256(), 'node') })).rejects.toMatchObject({ code: 'csr_invalid' });
  });
});

describe('Recover', () => {
  it('refuses a stolen token without the key that was registered last', async () => {
    const { server, member } = await serverWithMember();

    await expect(recovered(server, member, { signer: generateP256() })).rejects.toMatchObject({ code: 'proof_invalid' });
  });

  it('refuses the key before the last: it is a copy', async () => {
    const { server, member } = await serverWithMember();
    await report(server, await renewed(server, member));

    await expect(recovered(server, member)).rejects.toMatchObject({ code: 'proof_invalid' });
  });

  it('takes the key of a certificate that ran out before it could be used, and no older one after that', async () => {
    const { server, member } = await serverWithMember();
    const cutOff = await renewed(server, member);

    const back = await recovered(server, cutOff);

    await expect(recovered(server, member)).rejects.toMatchObject({ code: 'proof_invalid' });
    await report(server, await recovered(server, back));
    await expect(recovered(server, cutOff)).rejects.toMatchObject({ code: 'proof_invalid' });
  });

  it('takes no key of an answer that came before the last', async () => {
    const { server, member } = await serverWithMember();
    const [lost] = [await renewed(server, member), await renewed(server, member)];

    await expect(recovered(server, lost)).rejects.toMatchObject({ code: 'proof_invalid' });
  });

  it('refuses a signature over other requests than it brings', async () => {
    const { server, member } = await serverWithMember();

    await expect(recovered(server, member, { change: { networkCsr: makeCsr(generateP256(), 'node') } })).rejects.toMatchObject({ code: 'proof_invalid' });
  });

  it('refuses a node that was unregistered, one that was revoked, and one that never was, alike', async () => {
    const { server, member } = await serverWithMember();
    const revoked = await server.join(await server.token());
    await callUnary(server.admin, 'unregisterNode', { node: member.nodeId, network: '' });
    await callUnary(server.admin, 'revokeNode', { node: revoked.nodeId, network: '', reason: 'stolen' });
    const stranger = { ...member, nodeToken: `ncn1_${'0'.repeat(16)}.${'A'.repeat(43)}` };

    for (const node of [member, revoked, stranger]) await expect(recovered(server, node)).rejects.toMatchObject({ code: 'node_unknown' });
  });

  it('gives the same node its certificates, also when the first answer was lost', async () => {
    const { server, member } = await serverWithMember();

    await recovered(server, member);
    const back = await recovered(server, member);
    await report(server, back);

    expect(await callUnary(server.control(back), 'getRegistedIp', { token: member.nodeToken })).toMatchObject({ ip: member.bindIp });
  });
});

async function serverWithMember(options: TestServerOptions = {}): Promise<{ server: TestServer; member: Member }> {
  const server = await startTestServer(options);
  return { server, member: await server.join(await server.token()) };
}

function warningsTo(warnings: string[]): Log {
  return { ...silentLog, warn: (message: string) => void warnings.push(message) };
}
