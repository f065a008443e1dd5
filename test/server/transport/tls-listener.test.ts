import { createConnection, createServer, type Socket } from 'node:net';
import { connect as tlsConnect, type ConnectionOptions } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BootstrapServiceClient } from '../../../src/gen/networkcontroller/v1/bootstrap.js';
import { callUnary, connect, type RpcTarget } from '../../../src/platform/rpc-client.js';
import { asAnonymous } from '../../../src/server/auth/authenticate.js';
import { startGrpcServer } from '../../../src/server/transport/grpc-server.js';
import { bootstrapService, DEFAULT_LIMITS, recordedLog, SERVER_NAME, startTlsTestListener, type TestListener } from '../../support/rpc-listener.js';
import { testCa, testLeaf } from '../../support/test-ca.js';
import { until } from '../../support/until.js';

const services = [bootstrapService({ healthCheck: () => Promise.resolve({ code: '200', version: '', state: 'running' }) })];

async function healthOf(target: RpcTarget): Promise<string> {
  const client = connect(BootstrapServiceClient, target);
  try {
    return (await callUnary(client, 'healthCheck', {}, { deadlineMs: 5_000 })).code;
  } finally {
    client.close();
  }
}

/** A TCP connection to the listener that says nothing; resolves when the other end closes it. */
function silent({ server }: TestListener): { socket: Socket; closed: Promise<void> } {
  const socket = createConnection(server.port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {}).resume();
  return { socket, closed: new Promise((resolve) => socket.once('close', () => resolve())) };
}

/** What TLS says when it is tried with `options`: the version agreed on, or why not. A refused certificate only shows after the handshake. */
function handshake({ server, ca }: TestListener, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket = tlsConnect({ host: '127.0.0.1', port: server.port, servername: SERVER_NAME, ca: ca.pem, ALPNProtocols: ['h2'], ...options });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('data', () => resolve(`${socket.getProtocol()} ${socket.isSessionReused() ? 'resumed' : 'new'}`));
    socket.once('close', () => resolve('closed'));
    onTestFinished(() => void socket.destroy());
  });
}

describe('a TLS listener refuses', () => {
  it('a client without certificate where one is asked for', async () => {
    const listener = await startTlsTestListener({ services, mutual: true });

    await expect(healthOf(listener.target)).rejects.toMatchObject({ code: 'unavailable' });
    expect(listener.lines).toEqual([]);
  });

  it('certificates of another CA, of a server, and of another time', async () => {
    const listener = await startTlsTestListener({ services, mutual: true });
    const client = { names: { uris: ['nc://c1/node/n-1'] }, usages: ['clientAuth'] } as const;
    const now = Date.now();

    for (const leaf of [
      testLeaf(testCa(), client),
      testLeaf(listener.ca, { ...client, usages: ['serverAuth'] }),
      testLeaf(listener.ca, { ...client, notBeforeMs: now - 7_200_000, notAfterMs: now - 3_600_000 }),
      testLeaf(listener.ca, { ...client, notBeforeMs: now + 3_600_000, notAfterMs: now + 7_200_000 }),
    ]) {
      await expect(healthOf(listener.as(leaf))).rejects.toMatchObject({ code: 'unavailable' });
    }
    await expect(healthOf(listener.as(testLeaf(listener.ca, client)))).resolves.toBe('200');
  });

  it('TLS 1.2, before and after its certificate was exchanged', async () => {
    const listener = await startTlsTestListener({ services });
    await expect(handshake(listener, {})).resolves.toMatch(/^TLSv1\.3/);
    await expect(handshake(listener, { maxVersion: 'TLSv1.2' })).resolves.toMatch(/ALERT|VERSION/);

    rotate(listener);

    await expect(handshake(listener, { maxVersion: 'TLSv1.2' })).resolves.toMatch(/ALERT|VERSION/);
  });

  it('to resume sessions, before and after its certificate was exchanged', async () => {
    const listener = await startTlsTestListener({ services });
    const remembered = async (): Promise<Buffer> => {
      const socket = tlsConnect({ host: '127.0.0.1', port: listener.server.port, servername: SERVER_NAME, ca: listener.ca.pem, ALPNProtocols: ['h2'] });
      const [session] = await Promise.all([new Promise<Buffer>((resolve) => socket.once('session', resolve)), new Promise((resolve) => socket.once('data', resolve))]);
      socket.destroy();
      return session;
    };

    await expect(handshake(listener, { session: await remembered() })).resolves.toBe('TLSv1.3 new');
    rotate(listener);

    await expect(handshake(listener, { session: await remembered() })).resolves.toBe('TLSv1.3 new');
  });

  it('what does not speak HTTP/2', async () => {
    const listener = await startTlsTestListener({ services });

    await expect(handshake(listener, { ALPNProtocols: ['http/1.1'] })).resolves.toMatch(/ALPN|ALERT|closed/);
    await expect(handshake(listener, { ALPNProtocols: [] })).resolves.toBe('closed');
    await expect(healthOf(listener.target)).resolves.toBe('200');
  });

  it('what does not speak TLS', async () => {
    const listener = await startTlsTestListener({ services });
    const { socket, closed } = silent(listener);

    socket.write('GET / HTTP/1.1\r\n\r\n'.repeat(100));

    await closed;
    await expect(healthOf(listener.target)).resolves.toBe('200');
  });

  it('to wait for a client that says nothing', async () => {
    const listener = await startTlsTestListener({ services, handshakeTimeoutMs: 50 });

    await silent(listener).closed;

    await until(() => listener.server.connections().open === 0);
    expect(listener.server.connections()).toMatchObject({ handshaking: 0, failedHandshakes: { timeout: 1, failed: 0 } });
  });

  it('more connections of one source than it may have, before TLS, and serves those it has', async () => {
    const listener = await startTlsTestListener({ services, limits: { connectionsPerSource: 3 } });
    const kept = [silent(listener), silent(listener)];
    await until(() => listener.server.connections().open === 2);
    const client = connect(BootstrapServiceClient, listener.target);
    onTestFinished(() => client.close());
    await callUnary(client, 'healthCheck', {});

    await Promise.all(Array.from({ length: 10 }, () => silent(listener).closed));

    expect(listener.server.connections()).toMatchObject({ open: 3, accepted: 3, refused: { connectionsPerSource: 10 } });
    await expect(callUnary(client, 'healthCheck', {})).resolves.toMatchObject({ code: '200' });
    kept[0]?.socket.destroy();
    await until(() => listener.server.connections().open === 2);
  });
});

describe('a TLS listener', () => {
  it('shows its new certificate to the next connection and keeps the old ones', async () => {
    const listener = await startTlsTestListener({ services });
    const old = connect(BootstrapServiceClient, listener.target);
    onTestFinished(() => old.close());
    await callUnary(old, 'healthCheck', {});

    const successor = rotate(listener, testCa());

    await expect(callUnary(old, 'healthCheck', {})).resolves.toMatchObject({ code: '200' });
    await expect(healthOf(listener.target)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(healthOf({ ...listener.target, tls: { ...listener.target.tls, ca: successor.pem } })).resolves.toBe('200');
  });

  it('counts a connection out however it ends', async () => {
    const listener = await startTlsTestListener({ services });

    await healthOf(listener.target);
    await healthOf(listener.target);

    await until(() => listener.server.connections().open === 0);
    expect(listener.server.connections()).toMatchObject({ accepted: 2, handshaking: 0 });
  });

  it('says which port is taken and which key says so', async () => {
    const occupant = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void occupant.close());
    await until(() => occupant.listening);
    const { port } = occupant.address() as { port: number };
    const { tls } = await startTlsTestListener({ services });

    const started = startGrpcServer({
      listen: { key: 'server.grpcPort', host: '127.0.0.1', port, tls, limits: DEFAULT_LIMITS },
      services,
      authenticate: asAnonymous,
      messageBytes: 16_384,
      log: recordedLog().log,
    });

    await expect(started).rejects.toMatchObject({ code: 'port_taken', message: `server.grpcPort: 127.0.0.1:${port} is in use by another program; stop it or choose another` });
  });

  it('says when its address is not of this machine', async () => {
    const { tls } = await startTlsTestListener({ services });

    const started = startGrpcServer({
      listen: { key: 'server.bindAddress', host: '192.0.2.1', port: 0, tls, limits: DEFAULT_LIMITS },
      services,
      authenticate: asAnonymous,
      messageBytes: 16_384,
      log: recordedLog().log,
    });

    await expect(started).rejects.toMatchObject({ code: 'config_invalid', message: 'server.bindAddress: 192.0.2.1:0 is no address of this machine' });
  });

  it('leaves its port to the next one when it stops', async () => {
    const { server, tls } = await startTlsTestListener({ services });
    const { port } = server;
    await server.stop();

    const next = await startGrpcServer({
      listen: { key: 'server.grpcPort', host: '127.0.0.1', port, tls, limits: DEFAULT_LIMITS },
      services,
      authenticate: asAnonymous,
      messageBytes: 16_384,
      log: recordedLog().log,
    });

    expect(next.port).toBe(port);
    await next.stop();
  });
});

function rotate(listener: TestListener, ca = listener.ca): typeof ca {
  const leaf = testLeaf(ca, { names: { dns: [SERVER_NAME] }, usages: ['serverAuth'] });
  listener.tls.rotate({ chainPem: leaf.pem + ca.pem, privateKeyPem: leaf.keyPem });
  return ca;
}
