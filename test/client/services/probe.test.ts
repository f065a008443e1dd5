import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { probeOf } from '../../../src/client/services/probe.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { until } from '../../support/until.js';

const check = (what: { url: string } | { exec: string[] }) => ({ interval: 5000, timeout: 2000, failures: 1, successes: 1, ...what });
const probe = (what: { url: string } | { exec: string[] }, signal = new AbortController().signal) => probeOf(check(what) as Parameters<typeof probeOf>[0])(signal);

describe('a tcp check', () => {
  it('fails where nobody listens', async () => {
    const { port, server } = await listening(createServer());
    await new Promise((resolve) => server.close(resolve));

    await expect(probe({ url: `tcp://127.0.0.1:${port}` })).rejects.toThrow(/ECONNREFUSED/);
  });

  it('passes where the connection is taken, over IPv6 too', async () => {
    const { port } = await listening(createServer());
    const six = await listening(createServer(), '::1');

    await probe({ url: `tcp://127.0.0.1:${port}` });
    await probe({ url: `tcp://[::1]:${six.port}` });
  });
});

describe('an http check', () => {
  it.each([404, 500, 302])('fails for an answer of %d', async (status) => {
    const { port } = await web((_request, response) => response.writeHead(status, { location: '/fine' }).end());

    await expect(probe({ url: `http://127.0.0.1:${port}/health` })).rejects.toThrow(`answered ${status}`);
  });

  it('ends with its time when the server takes the connection and says nothing', async () => {
    const { port } = await listening(createServer(() => {}));
    const given = new AbortController();

    const looked = probe({ url: `http://127.0.0.1:${port}/` }, given.signal);
    given.abort();

    await expect(looked).rejects.toThrow(/abort/);
  });

  it('asks for the path and passes for 2xx, without waiting for the whole answer', async () => {
    const asked: (string | undefined)[] = [];
    const { port } = await web((request, response) => {
      asked.push(request.url);
      response.writeHead(204).flushHeaders();
    });

    await probe({ url: `http://127.0.0.1:${port}/health?deep=1` });

    expect(asked).toEqual(['/health?deep=1']);
  });
});

describe('a grpc check', () => {
  it('fails for a service that is not serving, one that is not known, and no server', async () => {
    const { port, health } = await grpc({ well: 'SERVING', ill: 'NOT_SERVING' });

    await expect(probe({ url: `grpc://127.0.0.1:${port}/ill` })).rejects.toThrow('answered NOT_SERVING');
    await expect(probe({ url: `grpc://127.0.0.1:${port}/nothing` })).rejects.toThrow(/nothing/);
    health.setStatus('well', 'NOT_SERVING');
    await expect(probe({ url: `grpc://127.0.0.1:${port}/well` })).rejects.toThrow('answered NOT_SERVING');
    const { port: closed, server } = await listening(createServer());
    await new Promise((resolve) => server.close(resolve));
    await expect(probe({ url: `grpc://127.0.0.1:${closed}/well` })).rejects.toThrow(/ECONNREFUSED/);
  });

  it('passes for a service that serves, and for the server as a whole', async () => {
    const { port } = await grpc({ '': 'SERVING', well: 'SERVING' });

    await probe({ url: `grpc://127.0.0.1:${port}/well` });
    await probe({ url: `grpc://127.0.0.1:${port}` });
  });
});

describe('an exec check', () => {
  it('fails for another exit code than 0, a signal, and no such program', async () => {
    await expect(probe({ exec: ['/bin/sh', '-c', 'exit 3'] })).rejects.toThrow('ended with 3');
    await expect(probe({ exec: ['/bin/sh', '-c', 'kill -TERM $$'] })).rejects.toThrow('was ended by SIGTERM');
    await expect(probe({ exec: ['/no/such/program'] })).rejects.toThrow(/ENOENT/);
  });

  it('takes its words as they are, without a shell', async () => {
    const file = join(tmpDir(), 'made');

    await probe({ exec: ['/usr/bin/test', '$(touch x); >', '=', '$(touch x); >'] });
    await expect(probe({ exec: [`/usr/bin/touch ${file}`] })).rejects.toThrow(/ENOENT/);

    expect(existsSync(file)).toBe(false);
  });

  it('finds nothing of the agent\'s environment', async () => {
    const file = join(tmpDir(), 'environment');
    process.env['NC_TEST_SECRET'] = 'secret';
    onTestFinished(() => void delete process.env['NC_TEST_SECRET']);

    await probe({ exec: ['/bin/sh', '-c', `env > ${file}`] });

    const names = readFileSync(file, 'utf8').split('\n').map((line) => line.split('=')[0]);
    expect(names.filter((name) => !['', 'LC_ALL', 'PATH', 'PWD', 'OLDPWD', 'SHLVL', '_'].includes(name!))).toEqual([]);
  });

  it('that takes too long is killed with everything that it has started', async () => {
    const folder = mkdtempSync(join(tmpDir(), 'group-'));
    const [script, child] = [join(folder, 'script.sh'), join(folder, 'child')];
    writeFileSync(script, `sleep 300 & echo $! > ${child}.new; mv ${child}.new ${child}; wait\n`);
    const given = new AbortController();

    const looked = probe({ exec: ['/bin/sh', script] }, given.signal);
    await until(() => existsSync(child), 'the child to be started');
    const pid = Number(readFileSync(child, 'utf8'));
    given.abort();

    await expect(looked).rejects.toThrow('was ended by SIGKILL');
    await until(() => isGone(pid), 'the child to be gone');
  });
});

/** A process that has ended and waits to be reaped is gone, too. */
function isGone(pid: number): boolean {
  try {
    return /^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

async function listening<S extends Server>(server: S, host = '127.0.0.1'): Promise<{ port: number; server: S }> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, server };
}

async function web(listener: RequestListener): Promise<{ port: number }> {
  const server = createHttpServer(listener);
  onTestFinished(() => server.closeAllConnections());
  return listening(server);
}

async function grpc(states: Record<string, 'SERVING' | 'NOT_SERVING'>): Promise<{ port: number; health: HealthImplementation }> {
  const server = new GrpcServer();
  const health = new HealthImplementation(states);
  health.addToServer(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  onTestFinished(() => server.forceShutdown());
  return { port, health };
}
