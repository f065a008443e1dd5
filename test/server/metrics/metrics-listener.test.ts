import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Log } from '../../../src/platform/log.js';
import { startMetricsListener, type MetricsListener } from '../../../src/server/metrics/metrics-listener.js';
import type { ServerState } from '../../../src/server/services/cluster-facts.js';
import { recordedLog } from '../../support/rpc-listener.js';

async function started(change: { state?: () => ServerState; text?: () => Promise<{ type: string; body: string }>; log?: Log } = {}): Promise<MetricsListener & { url(path: string): string }> {
  const listener = await startMetricsListener({
    listen: { host: '127.0.0.1', port: 0 },
    text: () => Promise.resolve({ type: 'text/plain; version=0.0.4', body: 'nc_build_info 1\n' }),
    state: () => 'running',
    log: recordedLog().log,
    ...change,
  });
  onTestFinished(() => listener.stop());
  return { ...listener, url: (path) => `http://127.0.0.1:${listener.port}${path}` };
}

describe('the metrics listener refuses', () => {
  it.each(['/', '/metrics/', '/metricsx', '/debug/pprof', '/../etc/passwd', '/%6detrics'])('%s, which is none of its paths', async (path) => {
    const listener = await started();

    expect((await fetch(listener.url(path))).status).toBe(404);
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH'])('%s: it changes nothing', async (method) => {
    const listener = await started();

    const answer = await fetch(listener.url('/metrics'), { method });

    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('GET, HEAD');
  });

  it('a port that another program has', async () => {
    const { port } = await started();

    await expect(startMetricsListener({ listen: { host: '127.0.0.1', port }, text: () => Promise.reject(new Error()), state: () => 'running', log: recordedLog().log })).rejects.toMatchObject({
      code: 'port_taken',
      message: `server.metrics.listen: 127.0.0.1:${port} is in use by another program; stop it or choose another`,
    });
  });

  it('what is no HTTP, and serves the next one', async () => {
    const listener = await started();
    const socket = connect(listener.port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    const closed = new Promise((resolve) => socket.once('close', resolve));

    socket.resume().write('\x16\x03\x01 this is no request\r\n\r\n');

    await closed;
    expect((await fetch(listener.url('/healthz'))).status).toBe(200);
  });
});

describe('the metrics listener', () => {
  it('gives the figures with their type', async () => {
    const listener = await started();

    const answer = await fetch(listener.url('/metrics?from=prometheus'));

    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4');
    await expect(answer.text()).resolves.toBe('nc_build_info 1\n');
  });

  it('answers HEAD without a body', async () => {
    const listener = await started();

    const answer = await fetch(listener.url('/metrics'), { method: 'HEAD' });

    expect([answer.status, answer.headers.get('content-length'), await answer.text()]).toEqual([200, '16', '']);
  });

  it.each<[ServerState, number]>([
    ['starting', 503],
    ['running', 200],
    ['degraded', 503],
    ['draining', 503],
  ])('is alive and, while %s, answers /readyz with %i', async (state, status) => {
    const listener = await started({ state: () => state });

    const ready = await fetch(listener.url('/readyz'));

    expect([ready.status, await ready.text()]).toEqual([status, `${state}\n`]);
    expect((await fetch(listener.url('/healthz'))).status).toBe(200);
  });

  it('says that figures cannot be read, and why only in the log', async () => {
    const { log, lines } = recordedLog();
    const listener = await started({ text: () => Promise.reject(new Error('the secret reason')), log });

    const answer = await fetch(listener.url('/metrics'));

    expect([answer.status, await answer.text()]).toEqual([500, 'internal error\n']);
    expect(lines).toEqual([{ level: 'error', message: 'metrics could not be read', fields: { error: expect.objectContaining({ message: 'the secret reason' }) } }]);
  });

  it('stops although a monitor keeps its connection', async () => {
    const listener = await started();
    const socket = connect(listener.port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.resume().once('close', resolve));
    await new Promise((resolve) => socket.once('connect', resolve));

    await listener.stop();

    await closed;
  });
});
