import { once } from 'node:events';
import { connect as connectTcp, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { BootstrapServiceClient } from '../../src/gen/networkcontroller/v1/bootstrap.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { bootstrapService, startTlsTestListener } from '../support/rpc-listener.js';
import { testCa } from '../support/test-ca.js';
import { until } from '../support/until.js';

/** Longer than gRPC pauses between any two attempts. */
const LONG_MS = 600_000;

afterEach(() => vi.useRealTimers());

/** Somebody who takes connections and knows no TLS. */
async function strangerAt(onConnection: (socket: Socket) => void): Promise<{ port: number; server: Server }> {
  const server = createServer((socket) => onConnection(socket.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, server };
}

function clientOf(port: number): BootstrapServiceClient {
  const client = connect(BootstrapServiceClient, { address: `127.0.0.1:${port}`, tls: { ca: testCa().pem, serverName: 'server.c1.nc.internal' } });
  onTestFinished(() => client.close());
  return client;
}

describe('a client that is closed', () => {
  it('after a failed attempt makes no other', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const came: number[] = [];
    const { port } = await strangerAt((socket) => {
      came.push(socket.remotePort ?? 0);
      socket.destroy();
    });
    const client = clientOf(port);
    await expect(callUnary(client, 'healthCheck', {})).rejects.toMatchObject({ code: 'unavailable' });

    client.close();
    await vi.advanceTimersByTimeAsync(LONG_MS);

    // Whoever had been sent before this one would be there before it.
    const last = connectTcp(port, '127.0.0.1');
    await once(last, 'connect');
    vi.useRealTimers();
    await until(() => came.includes(last.localPort ?? -1), 'the last to come');
    expect(came).toHaveLength(2);
    last.destroy();
  });

  it('in the middle of a handshake breaks it off', async () => {
    let seen: Socket | undefined;
    const { port } = await strangerAt((socket) => socket.once('data', () => (seen = socket)));
    const client = clientOf(port);
    const call = callUnary(client, 'healthCheck', {});
    await until(() => seen !== undefined, 'the first words of the handshake');

    client.close();

    await expect(call).rejects.toMatchObject({ code: 'unavailable' });
    await until(() => seen?.destroyed === true, 'the end of the connection');
  });

  it('while it is connected leaves no connection behind', async () => {
    const listener = await startTlsTestListener({ services: [bootstrapService({ healthCheck: async () => ({ code: '200', version: '', state: '' }) })] });
    const client = connect(BootstrapServiceClient, listener.target);
    await callUnary(client, 'healthCheck', {});
    expect(listener.server.connections().open).toBe(1);

    client.close();

    await until(() => listener.server.connections().open === 0, 'the end of the connection');
  });
});

describe('a client that is not closed', () => {
  it('tries again after a failed attempt', async () => {
    let came = 0;
    const { port } = await strangerAt((socket) => {
      came++;
      socket.destroy();
    });
    const client = clientOf(port);
    await expect(callUnary(client, 'healthCheck', {})).rejects.toMatchObject({ code: 'unavailable' });

    await until(() => came > 1, 'another attempt');
  });
});
