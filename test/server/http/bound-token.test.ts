import { describe, expect, it } from 'vitest';
import { callUnary } from '../../../src/platform/rpc-client.js';
import { ask, type HttpsTarget } from '../../support/https.js';
import { startTestServer } from '../../support/server.js';

const JSON_TYPE = { 'content-type': 'application/json' };

/** A node in each of two networks, an instance called `shop` in both, and a token of the first node. */
async function start() {
  const server = await startTestServer({ settings: ['networks: [{ name: lab, cidr: 10.67.0.0/24 }]'] });
  const member = await server.join(await server.token(), { nodeName: 'web-1' });
  await server.join(await server.token({ network: 'lab' }), { nodeName: 'web-1' });
  const target: HttpsTarget = { port: server.ports.https, ca: member.caPem };
  const token = async (node: string, scopes = ['services:read', 'services:write']) => ({ authorization: `Bearer ${(await callUnary(server.admin, 'createApiToken', { scopes, node, network: node === '' ? '' : 'default', label: '', lifetimeMs: 600_000 })).text}` });
  const anyone = await token('');
  const own = await token('web-1');
  const as = (headers: Record<string, string>) => async (method: string, path: string, body?: object) => ask(target, { method, path, headers: { ...headers, ...JSON_TYPE }, ...(body !== undefined && { body: JSON.stringify(body) }) });
  for (const network of ['default', 'lab']) await as(anyone)('POST', '/v1/services', { name: 'shop', id: 'shop', network, node: 'web-1', port: 1 });
  return { server, member, token, as, own: as(own), anyone: as(anyone) };
}

describe('a token of one node', () => {
  it('neither sees nor touches another network, where an instance has the id of its own', async () => {
    const { own, anyone } = await start();
    const wanted = [
      ['GET', '/v1/services?network=lab'],
      ['GET', '/v1/services/shop?network=lab'],
      ['GET', '/v1/watch/services?network=lab'],
      ['DELETE', '/v1/services/shop?network=lab'],
      ['POST', '/v1/services/shop/renew?network=lab', { health: 'failing' }],
      ['POST', '/v1/services', { name: 'shop', id: 'shop', network: 'lab' }],
    ] as const;

    for (const [method, path, body] of wanted) expect((await own(method, path, body)).json(), `${method} ${path}`).toMatchObject({ status: 403, code: 'permission_denied' });
    expect((await anyone('GET', '/v1/services/shop?network=lab')).json()).toMatchObject({ health: '', withheld: '' });
  });

  it('sees its own network when it names none, and takes away its own instance only', async () => {
    const { own, anyone } = await start();

    expect((await own('GET', '/v1/services')).json()).toMatchObject({ services: [{ id: 'shop', network: 'default' }] });
    expect((await own('DELETE', '/v1/services/shop')).status).toBe(204);

    expect((await anyone('GET', '/v1/services')).json()).toMatchObject({ services: [{ id: 'shop', network: 'lab' }] });
  });

  it('is worth nothing once its node is gone, for reading either', async () => {
    const { own, anyone, server } = await start();
    await callUnary(server.admin, 'unregisterNode', { node: 'web-1', network: 'default' });

    for (const [method, path] of [['GET', '/v1/services'], ['DELETE', '/v1/services/shop']] as const) {
      expect((await own(method, path)).json()).toMatchObject({ code: expect.stringMatching(/^node_(unknown|revoked)$/) });
    }
    expect((await anyone('GET', '/v1/services?network=lab')).json()).toMatchObject({ services: [{ id: 'shop' }] });
  });

  it('does what its scopes say and nothing more', async () => {
    const { as, token } = await start();
    const [reader, writer] = [as(await token('web-1', ['services:read'])), as(await token('web-1', ['services:write']))];

    for (const path of ['/v1/services', '/v1/services/shop', '/v1/watch/services', '/v1/status', '/v1/nodes']) expect((await writer('GET', path)).status, path).toBe(403);
    expect((await reader('DELETE', '/v1/services/shop')).status).toBe(403);
    expect((await reader('POST', '/v1/services/shop/renew', {})).status).toBe(403);
    expect((await reader('POST', '/v1/services', { name: 'x' })).status).toBe(403);
    expect([(await reader('GET', '/v1/services/shop')).status, (await writer('POST', '/v1/services/shop/renew', {})).status]).toEqual([200, 204]);
  });

  it('is not taken from any other header than "Bearer" and itself', async () => {
    const { as } = await start();

    for (const authorization of ['Basic d2ViOndlYg==', 'Bearer', 'Bearer a b', 'nca1_0123456789abcdef.AAAAAAAAAAAAAAAAAAAAAA']) {
      expect((await as({ authorization })('GET', '/v1/services')).json(), authorization).toMatchObject({ status: 401, code: 'token_invalid' });
    }
  });
});
