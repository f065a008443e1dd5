import { connect as connectHttp2, constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import type { ControlSession } from '../../src/client/control-session.js';
import { KeptLeases } from '../../src/client/services/kept-leases.js';
import type { Membership } from '../../src/client/state/membership.js';
import { serverName } from '../../src/domain/certificate.js';
import { DomainError, isErrorCode } from '../../src/domain/errors.js';
import { parseHostPort } from '../../src/domain/host-port.js';
import { NodeServiceService, type PeerSignal } from '../../src/gen/networkcontroller/v1/node.js';
import type { Duplex, DuplexEvents } from '../../src/platform/rpc-client.js';
import { ERROR_CODE_KEY } from '../../src/platform/rpc-metadata.js';
import { toPem } from '../../src/platform/x509/pem.js';
import { decodeOnce } from './decode-once.js';
import { encodeFrame, FrameReader } from './grpc-frames.js';
import { Incoming } from './incoming.js';

/** A method as the generated code describes it. */
interface Method<Q, R> {
  readonly path: string;
  requestSerialize(request: Q): Buffer;
  responseDeserialize(bytes: Buffer): R;
}

/** As often as nc-client does, so that the server has as much to answer. */
const PING_MS = 25_000;

/**
 * A session as nc-client's over mutual TLS and HTTP/2, without gRPC's channel, which takes four times the memory and processor; ten thousand
 * share one machine with the server that is measured. It does not ask who the server is: its own certificate is what the server must check.
 */
export function openLightSession(endpoint: string, membership: Membership): ControlSession {
  const { host, port } = parseHostPort(endpoint);
  const tls = { host, port, secureContext: contextOf(membership), servername: serverName(membership.facts.clusterId), ALPNProtocols: ['h2'], rejectUnauthorized: false };
  const session = connectHttp2(`https://${endpoint}`, { createConnection: () => connectTls(tls), settings: { enablePush: false } });
  session.on('error', () => {});
  const ping = setInterval(() => void (session.destroyed || session.closed || session.ping(() => {})), PING_MS);
  session.once('close', () => clearInterval(ping));
  const leases = new KeptLeases((events) => duplex(session, NodeServiceService.keepServices, events));
  return {
    watch: (request) => stream(session, NodeServiceService.watch, request),
    report: (request) => unary(session, NodeServiceService.report, request),
    renew: (request) => unary(session, NodeServiceService.renew, request),
    signal: async (signals) => (await unary(session, NodeServiceService.signal, { signals: signals as PeerSignal[] })).undelivered,
    register: (service) => unary(session, NodeServiceService.registerService, { service }),
    renewServices: (states, events) => leases.renew(states, events),
    deregister: (id) => unary(session, NodeServiceService.deregisterService, { id }),
    // Not in the middle of what HTTP/2 reads, which is where agents hear their messages: Node.js 20 frees there what it goes on to use.
    close: () => void setImmediate(() => session.destroy()),
  };
}

const contexts = new WeakMap<Membership, SecureContext>();

function contextOf(membership: Membership): SecureContext {
  const known = contexts.get(membership);
  if (known !== undefined) return known;
  const context = createSecureContext({ ca: [], minVersion: 'TLSv1.3', cert: toPem(membership.grpcCertificate), key: membership.keys.grpc });
  contexts.set(membership, context);
  return context;
}

async function unary<Q, R>(session: ClientHttp2Session, method: Method<Q, R>, request: Q): Promise<R> {
  for await (const answer of stream(session, method, request)) return answer;
  throw new DomainError('unavailable', `${method.path}: want an answer, got none`);
}

function stream<Q, R>(session: ClientHttp2Session, method: Method<Q, R>, request: Q): AsyncIterable<R> {
  const call = begin(session, method);
  call.end(encodeFrame(method.requestSerialize(request)));
  const answers = new Incoming<R>(() => end(call));
  hear(call, method, { onMessage: (answer) => answers.push(answer), onEnd: (error) => answers.end(error) });
  return answers;
}

function duplex<Q, R>(session: ClientHttp2Session, method: Method<Q, R>, events: DuplexEvents<R>): Duplex<Q> {
  const call = begin(session, method);
  hear(call, method, events);
  return { write: (request) => void (call.destroyed || call.write(encodeFrame(method.requestSerialize(request)))) };
}

function begin(session: ClientHttp2Session, { path }: { readonly path: string }): ClientHttp2Stream {
  if (session.closed || session.destroyed) throw new DomainError('unavailable', 'the connection is closed');
  return session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
}

/** Tells each answer, then the end: undefined, the server's refusal, or `unavailable` when the connection ends. */
function hear<R>(call: ClientHttp2Stream, method: Method<never, R>, { onMessage, onEnd }: Pick<DuplexEvents<R>, 'onMessage' | 'onEnd'>): void {
  const decode = decoderOf(method);
  const frames = new FrameReader();
  let refusal: DomainError | undefined;
  let failure: unknown;
  const look = (headers: IncomingHttpHeaders): void => void (refusal ??= refusalOf(headers));
  call.on('response', look).on('trailers', look);
  call.on('data', (bytes: Buffer) => {
    for (const frame of frames.take(bytes)) onMessage(decode(frame));
  });
  call.on('error', (error) => (failure = error));
  call.once('end', () => end(call));
  call.once('close', () => onEnd(refusal ?? (failure === undefined && call.readableEnded ? undefined : new DomainError('unavailable', 'the connection has ended', { cause: failure }))));
}

const decoders = new WeakMap<object, (bytes: Buffer) => unknown>();

function decoderOf<R>(method: Method<never, R>): (bytes: Buffer) => R {
  const decode = decoders.get(method) ?? decodeOnce(method.responseDeserialize);
  decoders.set(method, decode);
  return decode as (bytes: Buffer) => R;
}

function end(call: ClientHttp2Stream): void {
  setImmediate(() => call.close(constants.NGHTTP2_CANCEL));
}

/** @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, Trailers */
function refusalOf(headers: IncomingHttpHeaders): DomainError | undefined {
  const status = headers['grpc-status'] ?? '0';
  if (status === '0') return undefined;
  const code = headers[ERROR_CODE_KEY];
  return new DomainError(typeof code === 'string' && isErrorCode(code) ? code : 'unavailable', decodeURIComponent(String(headers['grpc-message'] ?? '')));
}
