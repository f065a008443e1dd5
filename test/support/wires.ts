import { createServer as createTcpServer, connect as connectTcp, type AddressInfo, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { TestLeaf } from './test-ca.js';

/**
 * A TLS server of somebody else, which keeps what it is told.
 *
 * @param appended PEM that it shows behind its own certificate.
 */
export async function startImpostor(leaf: Pick<TestLeaf, 'pem' | 'keyPem'>, appended = ''): Promise<{ port: number; received(): string }> {
  let received = '';
  const server = createTlsServer({ cert: leaf.pem + appended, key: leaf.keyPem, ALPNProtocols: ['h2'] }, (socket) => {
    socket.on('data', (data) => (received += data.toString('latin1'))).on('error', () => {});
  });
  server.on('tlsClientError', () => {});
  return { port: await listen(server), received: () => received };
}

/** Octets after which what a client sends holds its registration. */
const REGISTRATION_BYTES = 1_000;

/** Passes everything to `port`; once a registration went through and `committed` resolves, cuts the wire instead of replying. */
export async function startCuttingProxy(port: number, committed: () => Promise<unknown>): Promise<{ port: number }> {
  const server = createTcpServer((client) => {
    const upstream = connectTcp(port, '127.0.0.1');
    let sent = 0;
    client.on('data', (data) => {
      sent += data.length;
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (sent < REGISTRATION_BYTES) client.write(data);
      else void committed().then(() => client.destroy());
    });
    for (const [one, other] of [[client, upstream], [upstream, client]] as const) one.on('error', () => {}).on('close', () => other.destroy());
  });
  return { port: await listen(server) };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}
