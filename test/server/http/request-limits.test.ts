import { connect as connectHttp2 } from 'node:http2';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ask, startHttpsListener, tlsOptions } from '../../support/https.js';

const routes = (routes: { get: (path: string, handler: (c: { text: (text: string) => Response }) => Response) => unknown }) => routes.get('/', (c) => c.text('here'));

describe('over HTTP/1', () => {
  it('headers beyond 16 KiB are refused, and the next connection is served', async () => {
    const { target } = await startHttpsListener({ routes });

    const answer = await ask(target, { path: '/', version: 1, headers: { 'x-long': 'x'.repeat(20_000) } });

    expect(answer.status).toBe(431);
    expect((await ask(target, { path: '/', version: 1 })).text).toBe('here');
  });
});

describe('over HTTP/2', () => {
  it.each([
    ['one header', { 'x-long': 'x'.repeat(60_000) }],
    ['many headers', Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`x-${i}`, 'x'.repeat(300)]))],
    ['a path', { ':path': `/?${'x'.repeat(17_000)}` }],
  ])('headers beyond 16 KiB are refused, by %s, and the next request is answered', async (_, headers) => {
    const { target } = await startHttpsListener({ routes });
    const session = connectHttp2(`https://127.0.0.1:${target.port}`, tlsOptions(target));
    onTestFinished(() => session.destroy());
    const statusOf = (headers: Record<string, string>) => new Promise((resolve, reject) => session.request({ ':path': '/', ...headers }).once('response', (head) => resolve(head[':status'])).once('error', reject).resume());

    expect(await statusOf(headers)).toBe(431);
    expect(await statusOf({ 'x-short': 'x'.repeat(10_000) })).toBe(200);
  });

  it('a client is told how much it may ask at once', async () => {
    const { target } = await startHttpsListener({ routes });
    const session = connectHttp2(`https://127.0.0.1:${target.port}`, tlsOptions(target));
    onTestFinished(() => session.destroy());

    const settings = await new Promise((resolve, reject) => session.once('remoteSettings', resolve).once('error', reject));

    expect(settings).toMatchObject({ maxConcurrentStreams: 100, maxHeaderListSize: 16_384 });
  });
});
