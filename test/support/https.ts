import { request as request1 } from 'node:https';
import { connect as connect2 } from 'node:http2';
import type { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { LimitSettings } from '../../src/platform/config/server-config.js';
import { httpApp, type HttpAppDeps, type HttpRoutes } from '../../src/server/http/http-app.js';
import { startHttpsServer, type HttpsServer, type HttpsServerOptions } from '../../src/server/http/https-server.js';
import { ServerTls } from '../../src/server/transport/server-tls.js';
import { DEFAULT_LIMITS, recordedLog } from './rpc-listener.js';
import { testCa, testLeaf, type TestCa } from './test-ca.js';

/** Where an HTTPS server is, whom to trust, and as whom to come. */
export interface HttpsTarget {
  readonly port: number;
  readonly ca: string;
  readonly identity?: { readonly cert: string; readonly key: string };
}

/** One request. */
export interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** 2 unless said. */
  readonly version?: 1 | 2;
}

/** Its answer. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  readonly text: string;
  /** The body as JSON. */
  json<T = Record<string, unknown>>(): T;
}

/** Asks an HTTPS server over a connection of its own, as whoever `target` says. */
export function ask(target: HttpsTarget, wanted: Ask): Promise<Answer> {
  return wanted.version === 1 ? askHttp1(target, wanted) : askHttp2(target, wanted);
}

/** What node:tls wants to know of a target. The tests' servers show a certificate for another name than 127.0.0.1. */
export function tlsOptions({ port, ca, identity }: HttpsTarget) {
  return { host: '127.0.0.1', port, ca, checkServerIdentity: () => undefined, ...identity };
}

function askHttp1(target: HttpsTarget, { method = 'GET', path, headers = {}, body }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = request1({ ...tlsOptions(target), agent: false, method, path, headers }, (response) => {
      whole(response).then((bytes) => resolve(answerOf(response.statusCode ?? 0, response.headers, bytes)), reject);
    });
    request.once('error', reject);
    request.end(body);
  });
}

function askHttp2(target: HttpsTarget, { method = 'GET', path, headers = {}, body }: Ask): Promise<Answer> {
  const session = connect2(`https://127.0.0.1:${target.port}`, tlsOptions(target));
  const answer = new Promise<Answer>((resolve, reject) => {
    session.once('error', reject);
    session.once('close', () => reject(new Error('the connection has ended')));
    const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: body === undefined });
    stream.once('error', reject);
    stream.once('response', ({ ':status': status = 0, ...rest }) => {
      whole(stream).then((bytes) => resolve(answerOf(status, rest, bytes)), reject);
    });
    if (body !== undefined) stream.end(body);
  });
  return answer.finally(() => session.close());
}

async function whole(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function answerOf(status: number, headers: Answer['headers'], bytes: Buffer): Answer {
  return { status, headers, bytes, text: bytes.toString(), json: () => JSON.parse(bytes.toString()) };
}

/** An HTTPS listener with a CA of its own, routes of a test and a log that remembers. */
export interface HttpsListener {
  readonly server: HttpsServer;
  readonly target: HttpsTarget;
  readonly lines: ReturnType<typeof recordedLog>['lines'];
  readonly tls: ServerTls;
  /** The CA of the server's certificate and of clients' gRPC certificates. */
  readonly ca: TestCa;
  /** The CA of clients' network certificates. */
  readonly networkCa: TestCa;
}

/** What a test may choose. */
export interface HttpsListenerOptions {
  readonly routes?: (routes: HttpRoutes) => void;
  readonly deps?: Partial<HttpAppDeps>;
  readonly limits?: Partial<LimitSettings>;
  readonly handshakeTimeoutMs?: number;
  readonly server?: Partial<Pick<HttpsServerOptions, 'drainMs' | 'timeouts'>>;
}

/** Starts a listener that is gone when the test is over. */
export async function startHttpsListener(options: HttpsListenerOptions = {}): Promise<HttpsListener> {
  const [ca, networkCa] = [testCa('grpc'), testCa('network')];
  const leaf = testLeaf(ca, { names: { dns: ['server.test'] }, usages: ['serverAuth'] });
  const manners = { protocols: ['h2', 'http/1.1'], clientsOptional: true };
  const tls = new ServerTls({ chainPem: leaf.pem + ca.pem, privateKeyPem: leaf.keyPem, clientCaPem: ca.pem + networkCa.pem }, manners);
  const { log, lines } = recordedLog();
  const server = await startHttpsServer({
    listen: { key: 'server.httpsPort', host: '127.0.0.1', port: 0, tls, limits: { ...DEFAULT_LIMITS, ...options.limits }, handshakeTimeoutMs: options.handshakeTimeoutMs ?? 5_000 },
    app: httpApp({ log, ...options.deps }, options.routes === undefined ? [] : [options.routes]),
    purposeOf: (certificate) => (certificate.verify(ca.certificate.publicKey) ? 'grpc' : certificate.verify(networkCa.certificate.publicKey) ? 'network' : undefined),
    log,
    ...options.server,
  });
  onTestFinished(() => server.stop());
  return { server, target: { port: server.port, ca: ca.pem }, lines, tls, ca, networkCa };
}
