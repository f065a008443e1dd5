import { connect, type ConnectionOptions } from 'node:tls';
import { Client, credentials, Metadata, Server, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RotatingServerCredentials, type ServerTls } from '../../../src/server/transport/server-credentials.js';
import { testCa, testLeaf, type TestCa, type TestLeaf } from '../../support/test-ca.js';
import { until } from '../../support/until.js';

const NAME = 'server.c1.nc.internal';
const ca = testCa('nc-grpc-ca g1');
const client = testLeaf(ca, { names: { uris: ['nc://c1/node/n-1'] }, usages: ['clientAuth'] });

const tlsOf = (by: TestCa, trusted?: string): ServerTls => {
  const leaf = testLeaf(by, { names: { dns: [NAME] }, usages: ['serverAuth'] });
  return { chainPem: leaf.pem + by.pem, privateKeyPem: leaf.keyPem, ...(trusted === undefined ? {} : { clientCaPem: trusted }) };
};

describe('mutual TLS', () => {
  const strangers: [string, TestLeaf | undefined][] = [
    ['no certificate', undefined],
    ['a certificate of another CA of the same name', testLeaf(testCa('nc-grpc-ca g1'), { usages: ['clientAuth'] })],
    ['a certificate that is for servers', testLeaf(ca, { usages: ['serverAuth'] })],
    ['an expired certificate', testLeaf(ca, { usages: ['clientAuth'], notAfterMs: Date.now() - 2000 })],
    ['a certificate of the future', testLeaf(ca, { usages: ['clientAuth'], notBeforeMs: Date.now() + 600_000 })],
  ];
  it.each(strangers)('refuses %s', async (_what, stranger) => {
    const { port } = await serve(tlsOf(ca, ca.pem));

    await expect(call(port, ca, stranger)).rejects.toMatchObject({ code: 14 });
  });

  it.each([
    ['a clientAuth certificate that carries the server\'s name', testLeaf(ca, { names: { dns: [NAME] }, usages: ['clientAuth'] })],
    ['a node\'s certificate', client],
  ])('is refused by clients when the server shows %s', async (_what, leaf) => {
    const { port } = await serve({ chainPem: leaf.pem, privateKeyPem: leaf.keyPem });

    await expect(call(port, ca)).rejects.toMatchObject({ code: 14 });
  });

  it('lets its own clients in, and everybody where no certificate is asked for', async () => {
    const [mutual, open] = [await serve(tlsOf(ca, ca.pem)), await serve(tlsOf(ca))];

    await expect(call(mutual.port, ca, client)).resolves.toBe('served');
    await expect(call(open.port, ca)).resolves.toBe('served');
  });
});

describe('TLS options', () => {
  it('refuse TLS 1.2 before a rotation and after it', async () => {
    const { port, tls } = await serve(tlsOf(ca, ca.pem));
    const old = { ...shown(client), ca: ca.pem, maxVersion: 'TLSv1.2' } as const;

    await expect(handshake(port, old)).rejects.toThrow(/protocol version/i);
    tls.rotate(tlsOf(ca, ca.pem));
    await expect(handshake(port, old)).rejects.toThrow(/protocol version/i);

    expect((await handshake(port, { ...old, maxVersion: 'TLSv1.3' })).protocol).toBe('TLSv1.3');
  });

  it('resume no session, before a rotation and after it', async () => {
    const { port, tls } = await serve(tlsOf(ca, ca.pem));
    for (const round of ['before', 'after']) {
      const first = await handshake(port, { ...shown(client), ca: ca.pem });
      const again = await handshake(port, { ...shown(client), ca: ca.pem, session: first.session });

      expect([first.session, again.reused], round).toEqual([expect.any(Buffer), false]);
      tls.rotate(tlsOf(ca, ca.pem));
    }
  });
});

describe('rotation', () => {
  it('keeps open channels, shows the new certificate to new ones and trusts whom it now trusts', async () => {
    const next = testCa('nc-grpc-ca g2');
    const fresh = testLeaf(next, { usages: ['clientAuth'] });
    const { port, tls } = await serve(tlsOf(ca, ca.pem));
    const before = channel(port, ca.pem, client);
    await expect(ask(before)).resolves.toBe('served');

    tls.rotate(tlsOf(next, next.pem));

    await expect(ask(before)).resolves.toBe('served');
    await expect(call(port, ca, client)).rejects.toMatchObject({ code: 14 });
    await expect(call(port, next, client)).rejects.toMatchObject({ code: 14 });
    await expect(call(port, next, fresh)).resolves.toBe('served');
  });

  it('trusts both generations while the CA is being replaced', async () => {
    const next = testCa('nc-grpc-ca g2');
    const { port, tls } = await serve(tlsOf(ca, ca.pem));

    tls.rotate(tlsOf(next, ca.pem + next.pem));

    await expect(call(port, next, client)).resolves.toBe('served');
    await expect(call(port, next, testLeaf(next, { usages: ['clientAuth'] }))).resolves.toBe('served');
  });
});

const METHOD = { path: '/test.Test/Serve', requestStream: false, responseStream: false, ...codecs() } as const;

async function serve(tls: ServerTls): Promise<{ port: number; tls: RotatingServerCredentials }> {
  const server = new Server();
  server.addService({ serve: METHOD }, { serve: (_call: unknown, answer: (error: null, value: Buffer) => void) => answer(null, Buffer.from('served')) });
  const rotating = new RotatingServerCredentials(tls);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', rotating, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  onTestFinished(() => server.forceShutdown());
  return { port, tls: rotating };
}

function channel(port: number, trusted: string, leaf?: TestLeaf): Client {
  const [key, cert] = leaf === undefined ? [null, null] : [Buffer.from(leaf.keyPem), Buffer.from(leaf.pem)];
  const options = { 'grpc.ssl_target_name_override': NAME, 'grpc.use_local_subchannel_pool': 1 };
  const opened = new Client(`127.0.0.1:${port}`, credentials.createSsl(Buffer.from(trusted), key, cert), options);
  onTestFinished(() => opened.close());
  return opened;
}

function call(port: number, trusted: TestCa, leaf?: TestLeaf): Promise<string> {
  return ask(channel(port, trusted.pem, leaf));
}

function ask(from: Client): Promise<string> {
  const deadline = Date.now() + 20_000;
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, value?: Buffer): void => (error === null ? resolve(String(value)) : reject(error));
    from.makeUnaryRequest(METHOD.path, METHOD.requestSerialize, METHOD.responseDeserialize, Buffer.alloc(0), new Metadata(), { deadline }, done);
  });
}

/** One TLS connection, looked at after the server's HTTP/2 preface came, before which it sends what a client may resume with. */
async function handshake(port: number, options: ConnectionOptions): Promise<{ protocol: string | null; reused: boolean; session: Buffer | undefined }> {
  let session: Buffer | undefined;
  let preface = false;
  let failure: Error | undefined;
  const socket = connect({ host: '127.0.0.1', port, servername: NAME, ALPNProtocols: ['h2'], ...options });
  socket.on('session', (given: Buffer) => (session = given));
  socket.on('data', () => (preface = true));
  socket.on('error', (error) => (failure = error));
  onTestFinished(() => void socket.destroy());
  await until(() => preface || failure, 'the preface or a refusal');
  if (failure !== undefined) throw failure;
  const seen = { protocol: socket.getProtocol(), reused: socket.isSessionReused(), session };
  socket.destroy();
  return seen;
}

function shown(leaf: TestLeaf): { key: string; cert: string } {
  return { key: leaf.keyPem, cert: leaf.pem };
}

function codecs() {
  const same = (value: Buffer): Buffer => value;
  return { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
}
