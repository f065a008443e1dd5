import { request } from 'node:https';
import { describe, expect, it, onTestFinished } from 'vitest';
import { callUnary } from '../../../src/platform/rpc-client.js';
import { toPem } from '../../../src/platform/x509/pem.js';
import type { P256KeyPair } from '../../../src/platform/x509/p256.js';
import { dig } from '../../support/dns.js';
import { ask, tlsOptions, type HttpsTarget } from '../../support/https.js';
import { startTestServer, type Member } from '../../support/server.js';
import { until } from '../../support/until.js';

const JSON_TYPE = { 'content-type': 'application/json' };

async function start(settings: readonly string[] = []) {
  const server = await startTestServer({ settings });
  const members = [await server.join(await server.token(), { nodeName: 'web-1' }), await server.join(await server.token(), { nodeName: 'web-2' })] as const;
  const plain: HttpsTarget = { port: server.ports.https, ca: members[0].caPem };
  const as = (der: Uint8Array, { privateKey }: P256KeyPair): HttpsTarget => ({ ...plain, identity: { cert: toPem(der), key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) } });
  const grpc = (member: Member) => as(member.grpcCertificate, member.keys.grpc);
  const network = (member: Member) => as(member.networkCertificate, member.keys.network);
  const token = async (scopes: string[], node = '') => {
    const { text, token: made } = await callUnary(server.admin, 'createApiToken', { scopes, node, network: '', label: '', lifetimeMs: 600_000 });
    return { id: made!.id, headers: { authorization: `Bearer ${text}` } };
  };
  const register = (target: HttpsTarget, body: object, headers: Record<string, string> = {}) => ask(target, { method: 'POST', path: '/v1/services', headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) });
  return { server, members, plain, grpc, network, token, register };
}

describe('over HTTPS nobody registers a service', () => {
  it('without showing who it is, with a network certificate, or with a certificate of another cluster', async () => {
    const { members, plain, network, register, server } = await start();
    const elsewhere = await start();

    expect((await register(plain, { name: 'shop' })).json()).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect((await register(network(members[0]), { name: 'shop' })).json()).toMatchObject({ status: 401, code: 'certificate_invalid' });
    expect((await register({ ...elsewhere.grpc(elsewhere.members[0]), port: plain.port, ca: plain.ca }, { name: 'shop' })).json()).toMatchObject({ status: 401, code: 'certificate_invalid' });
    await until(async () => {
      const { entries } = await callUnary(server.admin, 'listAudit', { actor: '', object: '', result: 'certificate_invalid', pageToken: '', pageSize: 10 });
      return entries.some(({ method }) => method === 'POST /v1/services');
    }, 'the record of the refusal');
  });

  it('for another node, by certificate or by that node’s token; nor is another’s instance taken away or renewed', async () => {
    const { members, grpc, token, plain, register } = await start();
    const own = await token(['services:read', 'services:write'], 'web-1');
    expect((await register(grpc(members[1]), { name: 'shop', id: 'shop-2', port: 1 })).status).toBe(200);

    for (const [target, headers] of [[grpc(members[0]), {}], [plain, own.headers]] as const) {
      expect((await register(target, { name: 'shop', node: 'web-2' }, headers)).json()).toMatchObject({ code: 'permission_denied' });
      expect((await register(target, { name: 'shop', id: 'shop-2' }, headers)).json()).toMatchObject({ code: 'permission_denied' });
      expect((await register(target, { name: 'shop', address: '192.0.2.1' }, headers)).json()).toMatchObject({ code: 'permission_denied' });
      expect((await ask(target, { method: 'DELETE', path: '/v1/services/shop-2', headers })).json()).toMatchObject({ code: 'permission_denied' });
      expect((await ask(target, { method: 'POST', path: '/v1/services/shop-2/renew', headers: { ...JSON_TYPE, ...headers }, body: '{}' })).json()).toMatchObject({ code: 'service_unknown' });
    }
  });

  it('with a revoked certificate or token, from the next request on over the same connection', async () => {
    const { server, members, grpc, token, plain } = await start();
    const { id, headers } = await token(['services:read']);
    const list = { path: '/v1/services' };
    expect((await ask(grpc(members[0]), list)).status).toBe(200);
    expect((await ask(plain, { ...list, headers })).status).toBe(200);

    await callUnary(server.admin, 'revokeNode', { node: 'web-1', network: '', reason: '' });
    await callUnary(server.admin, 'revokeApiToken', { id });

    expect((await ask(grpc(members[0]), list)).json()).toMatchObject({ status: expect.toBeOneOf([401, 403]) });
    expect((await ask(plain, { ...list, headers })).json()).toMatchObject({ code: 'token_revoked' });
  });

  it('by guessing: a source that shows false tokens is refused unseen, even with a good one', async () => {
    const { plain, token } = await start(['limits: { guessesPerMinute: 3 }']);
    const { headers } = await token(['services:read']);
    const guess = () => ask(plain, { path: '/v1/services', headers: { authorization: 'Bearer nca1_0123456789abcdef.AAAAAAAAAAAAAAAAAAAAAA' } });

    const answers = [await guess(), await guess(), await guess(), await guess()];

    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 429]);
    expect((await ask(plain, { path: '/v1/services', headers })).json()).toMatchObject({ status: 429, code: 'rate_limited' });
  });
});

describe('over HTTPS a service', () => {
  it('that a node registers by its certificate is its own, has a lease, and is answered by DNS; deregistered it is not', async () => {
    const { server, members, grpc, register } = await start(['dns: { listen: ["127.0.0.1:0"] }']);
    const target = grpc(members[0]);

    const made = (await register(target, { name: 'shop', port: 8080, metadata: { path: '/x' } })).json();

    expect(made).toMatchObject({ id: 'shop-web-1', nodeId: members[0].nodeId, network: 'default', leaseSeconds: 10, withheld: '' });
    expect(await dig(server.ports.dns[0]!, '+short', 'shop.svc.nc.internal')).toBe(`${members[0].bindIp}\n`);
    expect((await ask(target, { method: 'POST', path: '/v1/services/shop-web-1/renew', headers: JSON_TYPE, body: '{"health":"failing","healthReason":"full"}' })).status).toBe(204);
    expect((await ask(target, { path: '/v1/services/shop-web-1' })).json()).toMatchObject({ withheld: 'its health check fails: full' });
    expect(await dig(server.ports.dns[0]!, '+short', 'shop.svc.nc.internal')).toBe('');
    expect((await ask(target, { method: 'DELETE', path: '/v1/services/shop-web-1' })).status).toBe(204);
    expect((await ask(target, { path: '/v1/services' })).json()).toEqual({ services: [], nextPageToken: '' });
  });

  it('is told to whoever watches: what there is, then each change, then why it ends', async () => {
    const { server, members, grpc, token, plain, register } = await start();
    const { id, headers } = await token(['services:read']);
    await register(grpc(members[0]), { name: 'shop' });
    let text = '';
    const watch = request({ ...tlsOptions(plain), agent: false, path: '/v1/watch/services?name=shop', headers }, (response) => void response.on('data', (bytes: Buffer) => (text += bytes.toString())));
    watch.on('error', () => {}).end();
    onTestFinished(() => void watch.destroy());
    await until(() => text.includes('event: synced'), 'what there is');

    await register(grpc(members[1]), { name: 'other' });
    await ask(grpc(members[0]), { method: 'DELETE', path: '/v1/services/shop-web-1' });

    await until(() => text.includes('event: removed'), 'the change');
    expect([...text.matchAll(/event: (\w+)/g)].map(([, name]) => name)).toEqual(['put', 'synced', 'removed']);
    expect(text).not.toContain('other');
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    void server.stop();
    await until(() => text.includes('event: refused'), 'the reason');
    expect(text).toContain('urn:nc:error:draining');
  });
});
