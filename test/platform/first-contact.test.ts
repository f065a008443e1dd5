import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket, type SecureContextOptions } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DomainError } from '../../src/domain/errors.js';
import { formatHostPort, type HostPort } from '../../src/domain/host-port.js';
import { makeFirstContact, type FirstContact } from '../../src/platform/first-contact.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { spkiPin } from '../../src/platform/x509/p256.js';
import { bootstrapService, startTlsTestListener, type TestListener } from '../support/rpc-listener.js';
import { testCa, testLeaf, type TestLeaf } from '../support/test-ca.js';
import { until } from '../support/until.js';

const NAMES = { names: { dns: ['server.c1.nc.internal'] }, usages: ['serverAuth'] } as const;
const ca = testCa('nc-grpc-ca g1');
const server = testLeaf(ca, NAMES);
const pin = spkiPin(ca.issuer.key.spki);
const options = { nowMs: Date.now(), timeoutMs: 5000 };

const mitm = testCa('nc-grpc-ca g1');

describe('first contact', () => {
  const oldCa = testCa('nc-grpc-ca g0', Date.now() - 86_400_000, Date.now() - 2000);
  const leafAsCa = testLeaf(ca, NAMES);
  const cases: [string, TestLeaf, string, string, RegExp][] = [
    ['a CA of the same name', testLeaf(mitm, NAMES), mitm.pem, pin, /none of the CA pins/],
    ['a CA of the same name with the genuine one appended', testLeaf(mitm, NAMES), ca.pem, pin, /none of the CA pins|not issued by the pinned CA/],
    ['both CAs appended', testLeaf(mitm, NAMES), mitm.pem + ca.pem, pin, /none of the CA pins|not issued by the pinned CA/],
    ['the pin of another CA', server, ca.pem, spkiPin(mitm.issuer.key.spki), /none of the CA pins/],
    ['the pin of the server itself', server, ca.pem, spkiPin(server.key.spki), /none of the CA pins/],
    ['no CA in its chain', server, '', pin, /none of the CA pins/],
    ['a leaf that plays the CA', testLeaf({ ...ca, issuer: { commonName: 'leaf', key: leafAsCa.key } }, NAMES), leafAsCa.pem, spkiPin(leafAsCa.key.spki), /none of the CA pins|not a CA/],
    ['an expired certificate', testLeaf(ca, { ...NAMES, notAfterMs: Date.now() - 2000 }), ca.pem, pin, /check both clocks/],
    ['an expired CA', testLeaf(oldCa, NAMES), oldCa.pem, spkiPin(oldCa.issuer.key.spki), /check both clocks/],
    ['a client\'s certificate with a server\'s name', testLeaf(ca, { ...NAMES, usages: ['clientAuth'] }), ca.pem, pin, /not a controller's/],
    ['a node\'s certificate', testLeaf(ca, { names: { uris: ['nc://c1/node/n-1'] } }), ca.pem, pin, /not a controller's/],
    ['no pin at all', server, ca.pem, '', /none of the CA pins/],
  ];
  it.each(cases)('refuses %s and sends nothing', async (_what, leaf, appended, wanted, reason) => {
    const seen = await listen(leaf, appended);

    const attempt = makeFirstContact([seen.endpoint], [wanted], options);

    await expect(attempt).rejects.toMatchObject({ code: 'pin_mismatch', message: expect.stringMatching(reason) });
    await expect(attempt).rejects.toThrow('nothing was sent');
    await seen.closed;
    expect(seen.received()).toBe(0);
  });

  it('refuses TLS 1.2', async () => {
    const { endpoint } = await listen(server, ca.pem, { maxVersion: 'TLSv1.2' });

    await expect(makeFirstContact([endpoint], [pin], options)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('says of each endpoint why it is unavailable: nobody there, silent, not TLS, closing', async () => {
    const silent = await listenTcp(() => undefined);
    const plain = await listenTcp((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const closing = await listenTcp((socket) => socket.destroy());
    const gone = await listenTcp(() => undefined);
    await new Promise((resolve) => gone.server.close(resolve));
    const endpoints = [silent, plain, closing, gone].map(({ endpoint }) => endpoint);

    const attempt = makeFirstContact(endpoints, [pin], { ...options, timeoutMs: 200 });

    await expect(attempt).rejects.toMatchObject({ code: 'unavailable' });
    for (const endpoint of endpoints) await expect(attempt).rejects.toThrow(formatHostPort(endpoint));
    await expect(attempt).rejects.toThrow('no TLS handshake within 200 ms');
    await expect(attempt).rejects.toThrow('ECONNREFUSED');
  });

  it('refuses when there is no endpoint', async () => {
    await expect(makeFirstContact([], [pin], options)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('gives up with the mismatch when one endpoint was another controller and the rest were away', async () => {
    const { endpoint } = await listen(testLeaf(mitm, NAMES), mitm.pem);
    const closing = await listenTcp((socket) => socket.destroy());

    await expect(makeFirstContact([endpoint, closing.endpoint], [pin], options)).rejects.toMatchObject({ code: 'pin_mismatch' });
  });

  it('refuses a server whose TLS is right and who does not speak', async () => {
    const { endpoint } = await listen(server, ca.pem, {}, (socket) => socket.destroy());

    await expect(makeFirstContact([endpoint], [pin], options)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('finds the CA and the cluster, and speaks over the connection that it has checked', async () => {
    const { controller, endpoint, pin: its } = await listenAsController();

    const found = await firstContact([endpoint], [its]);

    expect(found).toMatchObject({ endpoint, clusterId: 'c1', caPem: controller.ca.pem, offer: OFFER });
    await callUnary(found.client, 'healthCheck', {});
    expect(controller.server.connections()).toMatchObject({ accepted: 1, open: 1 });
  });

  it('says nothing over a later connection, either, whose chain has not the pin', async () => {
    const { controller, endpoint, pin: its } = await listenAsController();
    const { client } = await firstContact([endpoint], [its]);
    const other = testLeaf(mitm, NAMES);
    controller.tls.rotate({ chainPem: other.pem + mitm.pem, privateKeyPem: other.keyPem });
    const heard = controller.lines.length;

    controller.server.disconnect();
    await until(async () => (await callUnary(client, 'healthCheck', {}).catch((error: unknown) => error)) instanceof DomainError, 'the old connection to be gone');

    const call = callUnary(client, 'healthCheck', {});
    await expect(call).rejects.toMatchObject({ code: 'unavailable' });
    await expect(call).rejects.toThrow(/none of the CA pins/);
    expect(controller.lines.slice(heard).filter(({ fields }) => fields['code'] === 'ok')).toEqual([]);
  });

  it('goes on to the next endpoint, and takes either of two pins', async () => {
    const closing = await listenTcp((socket) => socket.destroy());
    const other = await listen(testLeaf(mitm, NAMES), mitm.pem);
    const { endpoint, pin: its } = await listenAsController();

    const found = await firstContact([closing.endpoint, other.endpoint, endpoint], [pin, its]);

    expect(found.endpoint).toEqual(endpoint);
  });

  it('leaves no connection behind where it found another CA', async () => {
    const { controller, endpoint } = await listenAsController();

    await expect(makeFirstContact([endpoint], [pin], options)).rejects.toMatchObject({ code: 'pin_mismatch' });

    await until(() => controller.server.connections().open === 0, 'the connection to be closed');
  });
});

/** As the controller answers the first word. */
const OFFER = { nonce: Buffer.alloc(16, 1), serverKey: Buffer.alloc(32, 2), cookie: Buffer.from('sealed') };

/** A contact that ends with the test. */
async function firstContact(endpoints: readonly HostPort[], pins: readonly string[]): Promise<FirstContact> {
  const found = await makeFirstContact(endpoints, pins, options);
  onTestFinished(() => found.client.close());
  return found;
}

/** A listener of ours with a CA of its own. */
async function listenAsController(): Promise<{ controller: TestListener; endpoint: HostPort; pin: string }> {
  const healthCheck = () => Promise.resolve({ code: '200', version: '1', state: 'ready' });
  const controller = await startTlsTestListener({ services: [bootstrapService({ beginRegister: () => Promise.resolve(OFFER), healthCheck })] });
  return { controller, endpoint: { host: '127.0.0.1', port: controller.server.port }, pin: spkiPin(controller.ca.issuer.key.spki) };
}

interface Listening {
  readonly endpoint: HostPort;
  /** Octets that the server's application was sent. */
  received(): number;
  /** Resolves when the first connection is over. */
  readonly closed: Promise<void>;
}

async function listen(leaf: TestLeaf, appended: string, more: SecureContextOptions = {}, onSpoken: (socket: TLSSocket) => void = () => undefined): Promise<Listening> {
  const secureContext = createSecureContext({ key: leaf.keyPem, cert: leaf.pem + appended, ...more });
  let octets = 0;
  let over = (): void => undefined;
  const closed = new Promise<void>((resolve) => (over = resolve));
  const { endpoint } = await listenTcp((raw) => {
    const socket = new TLSSocket(raw, { isServer: true, secureContext });
    socket.on('data', (data) => {
      octets += data.length;
      onSpoken(socket);
    });
    socket.on('error', () => undefined);
    raw.on('close', over);
  });
  return { endpoint, received: () => octets, closed };
}

async function listenTcp(answer: (socket: Socket) => void): Promise<{ endpoint: HostPort; server: Server }> {
  const open = new Set<Socket>();
  const tcp = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    answer(socket);
  });
  onTestFinished(() => open.forEach((socket) => socket.destroy()));
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void tcp.close());
  return { endpoint: { host: '127.0.0.1', port: (tcp.address() as AddressInfo).port }, server: tcp };
}
