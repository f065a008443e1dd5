import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DomainError } from '../../../src/domain/errors.js';
import type { ShownCertificate } from '../../../src/server/http/peer.js';
import { readBody } from '../../../src/server/http/request-body.js';
import { ask, startHttpsListener, tlsOptions, type HttpsListener, type HttpsTarget } from '../../support/https.js';
import { testCa, testLeaf, type TestLeaf } from '../../support/test-ca.js';
import { until } from '../../support/until.js';

const VERSIONS = [1, 2] as const;

describe.each(VERSIONS)('over HTTP/%i', (version) => {
  it('what is not there gets a problem document with the id under which it was logged', async () => {
    const { target, lines } = await startHttpsListener();

    const answer = await ask(target, { path: '/v1/nothing?secret=1', version });

    expect(answer).toMatchObject({ status: 404, headers: { 'content-type': 'application/problem+json', 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' } });
    const problem = answer.json();
    expect(problem).toEqual({ type: 'about:blank', title: 'Not Found', status: 404, detail: expect.stringContaining('openapi.json'), requestId: answer.headers['x-request-id'] });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 'info', message: 'http refused', fields: { method: 'GET', path: '/v1/nothing', status: 404, requestId: problem['requestId'] } });
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  it('another method than those of a path is told which there are', async () => {
    const { target } = await startHttpsListener({ routes: (routes) => routes.get('/things/:id', (c) => c.text('x')).delete('/things/:id', (c) => c.text('x')) });

    const answer = await ask(target, { method: 'PUT', path: '/things/7', version });

    expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, DELETE' } });
  });

  it.each([
    ['token_invalid', 401, { 'www-authenticate': 'Bearer' }],
    ['permission_denied', 403, {}],
    ['service_unknown', 404, {}],
    ['name_taken', 409, {}],
    ['message_too_large', 413, {}],
    ['rate_limited', 429, { 'retry-after': '60' }],
    ['draining', 503, { 'retry-after': '5' }],
  ] as const)('a refusal %s is %i with its code and sentence', async (code, status, headers) => {
    const { target } = await startHttpsListener({ routes: (routes) => routes.get('/', () => Promise.reject(new DomainError(code, 'want this, got that'))) });

    const answer = await ask(target, { path: '/', version });

    expect(answer).toMatchObject({ status, headers });
    expect(answer.json()).toMatchObject({ type: `urn:nc:error:${code}`, code, status, detail: 'want this, got that' });
  });

  it('a fault of ours says nothing about itself but where to look', async () => {
    const { target, lines } = await startHttpsListener({ routes: (routes) => routes.get('/', () => Promise.reject(new Error('the inside'))) });

    const answer = await ask(target, { path: '/', version });

    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('the inside');
    expect(lines).toMatchObject([{ level: 'error', message: 'http failed', fields: { requestId: answer.json()['requestId'], error: { message: 'the inside' } } }]);
  });

  it('a body is read up to its limit and not beyond, whether its length is announced or not', async () => {
    const { target } = await startHttpsListener({ routes: (routes) => routes.post('/', async (c) => c.text(String((await readBody(c, { type: 'text/plain', maxBytes: 1000 })).length))) });
    const post = (octets: number, headers: Record<string, string>) => ask(target, { method: 'POST', path: '/', version, headers: { 'content-type': 'text/plain', ...headers }, body: 'x'.repeat(octets) });

    expect((await post(1000, {})).text).toBe('1000');
    expect((await post(1001, { 'content-length': '1001' })).status).toBe(413);
    expect((await post(100_000, version === 1 ? { 'transfer-encoding': 'chunked' } : {})).status).toBe(413);
    expect((await post(3, { 'content-type': 'text/html' })).status).toBe(415);
    expect((await post(1000, {})).text).toBe('1000');
  });

  it('a request that takes too long is given up, and those after it are served', async () => {
    const { target } = await startHttpsListener({ deps: { requestMs: 50 }, routes: (routes) => routes.get('/slow', () => new Promise<never>(() => {})).get('/', (c) => c.text('here')) });

    const answer = await ask(target, { path: '/slow', version });

    expect(answer.json()).toMatchObject({ status: 504, code: 'timeout' });
    expect((await ask(target, { path: '/', version })).text).toBe('here');
  });
});

describe('of TLS', () => {
  /** How a handshake ends: the protocol, or the error. */
  function handshake(target: HttpsTarget, options: ConnectionOptions): Promise<string> {
    return new Promise((resolve) => {
      const socket: TLSSocket = connectTls({ ...tlsOptions(target), ...options });
      onTestFinished(() => void socket.destroy());
      socket.once('secureConnect', () => resolve(`${socket.getProtocol()} ${socket.alpnProtocol}`));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  }

  it('there is 1.3 only, with HTTP/2 before HTTP/1.1', async () => {
    const { target } = await startHttpsListener();

    expect(await handshake(target, { maxVersion: 'TLSv1.2' })).toMatch(/ALERT|VERSION/);
    expect(await handshake(target, { ALPNProtocols: ['h3', 'dot'] })).toMatch(/ALERT|ALPN|PROTOCOL/);
    expect(await handshake(target, { ALPNProtocols: ['http/1.1', 'h2'] })).toBe('TLSv1.3 h2');
    expect(await handshake(target, { ALPNProtocols: ['http/1.1'] })).toBe('TLSv1.3 http/1.1');
  });

  it('a client that names no protocol is served HTTP/1.1', async () => {
    const { target } = await startHttpsListener({ routes: (routes) => routes.get('/', (c) => c.text('here')) });
    const socket = connectTls({ ...tlsOptions(target), ALPNProtocols: [] });
    let received = '';
    socket.on('data', (bytes: Buffer) => (received += bytes.toString()));
    onTestFinished(() => void socket.destroy());

    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');

    await until(() => received.includes('here'), 'the answer');
    expect(received).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  it('connections beyond the limit of their source are closed before a handshake', async () => {
    const { target, server } = await startHttpsListener({ limits: { connectionsPerSource: 1 } });
    expect(await handshake(target, {})).toMatch(/^TLSv1\.3/);

    expect(await handshake(target, {})).toBe('ECONNRESET');
    expect(server.connections().refused.connectionsPerSource).toBe(1);
  });

  it('a connection that says nothing is closed', async () => {
    const { target } = await startHttpsListener({ handshakeTimeoutMs: 50 });
    const socket = connectTcp(target.port, '127.0.0.1').on('error', () => {}).resume();

    await new Promise((resolve) => socket.once('close', resolve));
  });

  it('headers that never end close their connection', async () => {
    const { target } = await startHttpsListener({ server: { timeouts: { headersMs: 100, idleMs: 60_000 } } });
    const socket = connectTls({ ...tlsOptions(target), ALPNProtocols: ['http/1.1'] }).on('error', () => {}).resume();

    socket.write('GET / HTTP/1.1\r\nx-one: 1\r\n');

    await new Promise((resolve) => socket.once('close', resolve));
  });

  it('an exchanged certificate is shown to whoever comes next', async () => {
    const { target, tls, ca } = await startHttpsListener({ routes: (routes) => routes.get('/', (c) => c.text('here')) });
    const [next, leaf] = [testCa(), testLeaf(testCa())];
    const renewed = testLeaf(next, { usages: ['serverAuth'] });

    tls.rotate({ chainPem: renewed.pem + next.pem, privateKeyPem: renewed.keyPem, clientCaPem: next.pem });

    await expect(ask(target, { path: '/' })).rejects.toThrow();
    expect((await ask({ ...target, ca: next.pem }, { path: '/' })).text).toBe('here');
    expect([ca.pem, leaf.pem]).not.toContain(next.pem);
  });
});

describe('an upgrade', () => {
  const PROTOCOL = 'networkcontroller-relay';

  /** What asking for `protocol` leads to: a status, and what came over the connection after 101. */
  function upgrade(target: HttpsTarget, { protocol = PROTOCOL, leaf, say = '' }: { protocol?: string; leaf?: TestLeaf; say?: string } = {}): Promise<{ status: number; text: string; code?: string }> {
    return new Promise((resolve, reject) => {
      const identity = leaf === undefined ? {} : { cert: leaf.pem, key: leaf.keyPem };
      const asked = request({ ...tlsOptions(target), ...identity, agent: false, path: '/', headers: { connection: 'Upgrade', upgrade: protocol } });
      asked.once('error', reject);
      asked.once('response', (response) => {
        let text = '';
        response.on('data', (bytes: Buffer) => (text += bytes.toString())).once('end', () => resolve({ status: response.statusCode ?? 0, text, code: JSON.parse(text).code }));
      });
      asked.once('upgrade', (response, socket, head) => {
        let text = head.toString();
        socket.on('data', (bytes: Buffer) => (text += bytes.toString())).once('end', () => resolve({ status: response.statusCode ?? 0, text }));
        socket.write(say);
      });
      asked.end();
    });
  }

  /** A listener that says which certificate it was shown, then echoes until "end". */
  async function start(): Promise<HttpsListener> {
    const listener = await startHttpsListener();
    listener.server.onUpgrade(PROTOCOL, ({ accept, peerCertificate }) => {
      requireNetwork(peerCertificate);
      const socket = accept();
      socket.on('data', (bytes: Buffer) => (bytes.toString().includes('end') ? socket.end(bytes) : socket.write(bytes)));
    });
    return listener;
  }

  function requireNetwork(shown: ShownCertificate | undefined): void {
    if (shown?.ca !== 'network') throw new DomainError('unauthenticated', `want a network certificate, got ${shown?.ca ?? 'none'}`);
  }

  it('goes to the handler of its protocol, which knows the certificate', async () => {
    const { target, networkCa, lines } = await start();

    expect(await upgrade(target, { leaf: testLeaf(networkCa), say: 'to the end' })).toEqual({ status: 101, text: 'to the end' });
    expect(lines).toMatchObject([{ message: 'http', fields: { method: 'UPGRADE', path: PROTOCOL, status: 101 } }]);
  });

  it('is refused for another protocol, without certificate, with one of the other CA, a foreign or an expired one', async () => {
    const { target, ca, networkCa } = await start();
    const expired = testLeaf(networkCa, { notBeforeMs: Date.now() - 7_200_000, notAfterMs: Date.now() - 3_600_000 });

    expect(await upgrade(target, { protocol: 'websocket' })).toMatchObject({ status: 400 });
    expect(await upgrade(target)).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect(await upgrade(target, { leaf: testLeaf(ca) })).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect(await upgrade(target, { leaf: testLeaf(testCa('network')) })).toMatchObject({ status: 401, code: 'certificate_invalid' });
    expect(await upgrade(target, { leaf: expired })).toMatchObject({ status: 401, code: 'certificate_invalid' });
  });

  it('that is open ends with the server', async () => {
    const { target, networkCa, server } = await start();
    const open = upgrade(target, { leaf: testLeaf(networkCa), say: 'x' });
    await until(() => server.connections().open === 1, 'the connection');

    await server.stop();

    await open.catch(() => {});
    await until(() => server.connections().open === 0, 'its end');
  });
});

describe('a server that stops', () => {
  it('lets requests finish, and nobody in', async () => {
    let finish = (): void => {};
    const { target, server } = await startHttpsListener({ routes: (routes) => routes.get('/slow', (c) => new Promise<Response>((resolve) => (finish = () => resolve(c.text('done'))))), server: { drainMs: 20_000 } });
    const session = connectHttp2(`https://127.0.0.1:${target.port}`, tlsOptions(target));
    onTestFinished(() => session.destroy());
    const statusOf = (path: string) => new Promise<number>((resolve, reject) => session.request({ ':path': path }).once('response', (headers) => resolve(headers[':status'] ?? 0)).once('error', reject).resume());
    const slow = statusOf('/slow');
    const begun = finish;
    await until(() => finish !== begun, 'the request');

    const drained = server.drain();
    const late = ask(target, { path: '/slow' });

    await expect(late).rejects.toThrow();
    finish();
    expect(await slow).toBe(200);
    await drained;
  });

  it('does not wait for ever', async () => {
    let begun = false;
    const { target, server } = await startHttpsListener({ routes: (routes) => routes.get('/slow', () => new Promise<never>(() => (begun = true))), server: { drainMs: 50 } });
    const slow = ask(target, { path: '/slow' });
    slow.catch(() => {});
    await until(() => begun, 'the request');

    await server.stop();

    await expect(slow).rejects.toThrow();
  });
});
