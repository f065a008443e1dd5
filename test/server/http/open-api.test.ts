import { Validator } from '@cfworker/json-schema';
import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { callUnary } from '../../../src/platform/rpc-client.js';
import { httpsApp, type HttpAppsDeps } from '../../../src/server/http-apps.js';
import { aQuery } from '../../support/dns.js';
import { ask, tlsOptions, type Answer, type Ask, type HttpsTarget } from '../../support/https.js';
import { startTestServer } from '../../support/server.js';
import { tmpDir } from '../../support/tmp-dir.js';

type Schema = ConstructorParameters<typeof Validator>[0] & object;
interface Described {
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> }>>;
}
interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const PASSWORD = 'correct horse';
const JSON_TYPE = { 'content-type': 'application/json' };
const big = 'x'.repeat(70_000);
const query = (name: string) => aQuery(name).toString('base64url');

/** Who asks, and what; `path` is the described one with its parameters filled in. */
interface Case {
  readonly as: keyof Callers;
  readonly at?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

interface Callers {
  readonly nobody: Record<string, string>;
  readonly forged: Record<string, string>;
  readonly all: Record<string, string>;
  readonly node: Record<string, string>;
  readonly viewer: Record<string, string>;
}

const nekoq = { 'x-access-password': PASSWORD };
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const dns = { 'content-type': 'application/dns-message' };

/** A request for every status that is described; a status without one fails the test, and so does one that is not described. */
const CASES: Readonly<Record<string, Case>> = {
  'POST /v1/services 200': { as: 'all', headers: JSON_TYPE, body: JSON.stringify({ name: 'registry', id: 'r1', address: '192.0.2.1', port: 5000, leaseSeconds: 60 }) },
  'POST /v1/services 400': { as: 'all', headers: JSON_TYPE, body: JSON.stringify({ name: 'registry', prot: 5000 }) },
  'POST /v1/services 401': { as: 'nobody', headers: JSON_TYPE, body: '{}' },
  'POST /v1/services 403': { as: 'node', headers: JSON_TYPE, body: JSON.stringify({ name: 'registry', node: 'controller' }) },
  'POST /v1/services 404': { as: 'all', headers: JSON_TYPE, body: JSON.stringify({ name: 'registry', node: 'nobody' }) },
  'POST /v1/services 413': { as: 'all', headers: JSON_TYPE, body: JSON.stringify({ name: big }) },
  'POST /v1/services 415': { as: 'all', headers: form, body: 'name=registry' },
  'GET /v1/services 200': { as: 'all', at: '?name=registry&pageSize=1' },
  'GET /v1/services 400': { as: 'all', at: '?pageSize=0' },
  'GET /v1/services 401': { as: 'forged' },
  'GET /v1/services 403': { as: 'viewer' },
  'GET /v1/services/{id} 200': { as: 'all', at: '/r1' },
  'GET /v1/services/{id} 400': { as: 'all', at: '/r1?net=1' },
  'GET /v1/services/{id} 401': { as: 'nobody', at: '/r1' },
  'GET /v1/services/{id} 403': { as: 'node', at: '/r1?network=lab' },
  'GET /v1/services/{id} 404': { as: 'all', at: '/r2' },
  'POST /v1/services/{id}/renew 204': { as: 'all', at: '/r1', headers: JSON_TYPE, body: '{"health":"passing"}' },
  'POST /v1/services/{id}/renew 400': { as: 'all', at: '/r1', headers: JSON_TYPE, body: '{"health":"sick"}' },
  'POST /v1/services/{id}/renew 401': { as: 'nobody', at: '/r1', headers: JSON_TYPE, body: '{}' },
  'POST /v1/services/{id}/renew 403': { as: 'viewer', at: '/r1', headers: JSON_TYPE, body: '{}' },
  'POST /v1/services/{id}/renew 404': { as: 'node', at: '/r1', headers: JSON_TYPE, body: '{}' },
  'POST /v1/services/{id}/renew 413': { as: 'all', at: '/r1', headers: JSON_TYPE, body: JSON.stringify({ healthReason: big }) },
  'POST /v1/services/{id}/renew 415': { as: 'all', at: '/r1', body: '{}' },
  'GET /v1/watch/services 200': { as: 'all' },
  'GET /v1/watch/services 400': { as: 'all', at: '?since=1' },
  'GET /v1/watch/services 401': { as: 'nobody' },
  'GET /v1/watch/services 403': { as: 'viewer' },
  'DELETE /v1/services/{id} 400': { as: 'all', at: '/r1?net=1' },
  'DELETE /v1/services/{id} 401': { as: 'nobody', at: '/r1' },
  'DELETE /v1/services/{id} 403': { as: 'node', at: '/r1' },
  'DELETE /v1/services/{id} 404': { as: 'all', at: '/r2' },
  'DELETE /v1/services/{id} 204': { as: 'all', at: '/r1' },
  'GET /v1/status 200': { as: 'viewer' },
  'GET /v1/status 400': { as: 'viewer', at: '?verbose=1' },
  'GET /v1/status 401': { as: 'nobody' },
  'GET /v1/status 403': { as: 'all' },
  'GET /v1/nodes 200': { as: 'viewer' },
  'GET /v1/nodes 400': { as: 'viewer', at: '?pageSize=x' },
  'GET /v1/nodes 401': { as: 'nobody' },
  'GET /v1/nodes 403': { as: 'node' },
  'POST /service 200': { as: 'nobody', headers: { ...nekoq, ...form }, body: 'name=mq&node=one&address=192.0.2.9:4222' },
  'POST /service 400': { as: 'nobody', headers: { ...nekoq, ...form }, body: 'name=mq&node=one&address=nowhere' },
  'POST /service 401': { as: 'nobody', headers: { ...form, 'x-access-password': 'guess' }, body: 'name=mq' },
  'POST /service 413': { as: 'nobody', headers: { ...nekoq, ...form }, body: `name=${big}` },
  'POST /service 415': { as: 'nobody', headers: nekoq, body: 'name=mq' },
  'GET /service 200': { as: 'nobody', at: '?name=mq', headers: nekoq },
  'GET /service 400': { as: 'nobody', headers: nekoq },
  'GET /service 401': { as: 'nobody', at: '?name=mq' },
  'GET /healthz 200': { as: 'nobody' },
  'GET /dns-query 200': { as: 'nobody', at: `?dns=${query('ns.nc.internal')}` },
  'GET /dns-query 400': { as: 'nobody', at: '?dns=AAAA' },
  'GET /dns-query 401': { as: 'nobody', at: 'a stranger’s address, see dns-audience.test.ts' },
  'GET /dns-query 413': { as: 'nobody', at: `?dns=${'A'.repeat(6000)}` },
  'POST /dns-query 200': { as: 'nobody', headers: dns, body: aQuery('ns.nc.internal') },
  'POST /dns-query 400': { as: 'nobody', headers: dns, body: 'x' },
  'POST /dns-query 401': { as: 'nobody', at: 'a stranger’s address, see dns-audience.test.ts' },
  'POST /dns-query 413': { as: 'nobody', headers: dns, body: big },
  'POST /dns-query 415': { as: 'nobody', body: 'x' },
  'GET /v1/openapi.json 200': { as: 'nobody' },
};

async function start() {
  const dir = tmpDir();
  writeFileSync(join(dir, 'password'), `${createHash('sha256').update(PASSWORD).digest('hex')}  -\n`);
  const server = await startTestServer({ dir, settings: ['nekoqPasswordFile: password', 'networks: [{ name: lab, cidr: 10.67.0.0/24 }]'] });
  const member = await server.join(await server.token(), { nodeName: 'web-1' });
  const token = async (scopes: string[], node = ''): Promise<Record<string, string>> => {
    const { text } = await callUnary(server.admin, 'createApiToken', { scopes, node, network: '', label: '', lifetimeMs: 600_000 });
    return { authorization: `Bearer ${text}` };
  };
  const callers: Callers = {
    nobody: {},
    forged: { authorization: 'Bearer nca1_0123456789abcdef.AAAAAAAAAAAAAAAAAAAAAA' },
    all: await token(['services:read', 'services:write']),
    node: await token(['services:read', 'services:write'], 'web-1'),
    viewer: await token(['status:read']),
  };
  const target: HttpsTarget = { port: server.ports.https, ca: member.caPem };
  return { server, target, callers, member };
}

function pathOf(described: string, at = ''): string {
  if (!described.includes('{id}')) return described + at;
  const [id = '', search] = at.split('?');
  return described.replace('/{id}', id) + (search === undefined ? '' : `?${search}`);
}

it('describes every route of the server, and every answer is as it is described', async () => {
  const { target, callers } = await start();
  const description = (await ask(target, { path: '/v1/openapi.json' })).json<Description>();
  const described = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { responses }]) => Object.keys(responses).filter((status) => status !== 'default').map((status) => `${method.toUpperCase()} ${path} ${status}`)),
  );
  expect(Object.keys(CASES).toSorted()).toEqual(described.toSorted());

  for (const [name, { as, at, headers, body }] of Object.entries(CASES)) {
    if (at?.startsWith('a stranger') === true) continue;
    const [method = '', path = '', status = ''] = name.split(' ');
    const request: Ask = { method, path: pathOf(path, at), headers: { ...callers[as], ...headers }, ...(body !== undefined && { body }) };
    const answer = await (path.includes('watch') && status === '200' ? firstEvents(target, request) : ask(target, request));
    expect(`${name}: ${answer.status} ${faultsOf(description, description.paths[path]![method.toLowerCase()]!, answer).join(', ')}`).toBe(`${name}: ${status} `);
  }
});

it('no route of the server is left out, nor is one described that is not there', async () => {
  const { target } = await start();
  const { paths } = (await ask(target, { path: '/v1/openapi.json' })).json<Description>();
  const config = { dns: { https: 'members' }, nekoqPasswordFile: join(tmpDir(), 'hash') };
  writeFileSync(config.nekoqPasswordFile, '0'.repeat(64));
  const { routes } = httpsApp({ config, cases: { facts: {} }, repository: { view: {} }, log: {} } as unknown as HttpAppsDeps);

  const served = routes.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);

  expect([...new Set(served)].toSorted()).toEqual(Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)).toSorted());
});

/** What is wrong with an answer, by its description. */
function faultsOf({ components }: Description, { responses }: Described, answer: Answer): string[] {
  const { content } = responses[answer.status] ?? responses['default']!;
  const type = String(answer.headers['content-type'] ?? '').split(';')[0]!;
  if (content === undefined) return answer.text === '' ? [] : ['a body that is not described'];
  const media = content[type];
  if (media === undefined) return [`the type ${type}, not ${Object.keys(content).join()}`];
  if (media.schema === undefined) return [];
  const { valid, errors } = new Validator({ ...media.schema, components } as Schema, '2020-12', false).validate(answer.json());
  return valid ? [] : errors.map(({ instanceLocation, error }) => `${instanceLocation} ${error}`);
}

/** The beginning of a stream that does not end by itself. */
async function firstEvents(target: HttpsTarget, { path, headers }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...tlsOptions(target), agent: false, path, headers }, (response) => {
      let text = '';
      response.on('data', (bytes: Buffer) => {
        text += bytes.toString();
        if (!text.includes('event: synced')) return;
        asked.destroy();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes, text, json: () => JSON.parse(text) });
      });
    });
    asked.once('error', reject).end();
  });
}

