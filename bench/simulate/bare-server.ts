import { Server, ServerCredentials, type ServerUnaryCall, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js';
import { NodeServiceService, WatchResponse, type ReportRequest, type ReportResponse, type WatchRequest } from '../../src/gen/networkcontroller/v1/node.js';
import type { LimitSettings } from '../../src/platform/config/server-config.js';
import { ServerTls } from '../../src/server/transport/server-tls.js';
import { startTlsListener } from '../../src/server/transport/tls-listener.js';
import type { BareRequest } from './bare.js';
import { monotonicMs } from './fleet.js';

/**
 * What a server cannot do without: streams over mutual TLS on the same library, and the same bytes written to each, two hundred in a turn of
 * the event loop. No store, no map, nobody is looked up. It takes connections as nc-server does, a few at a time, for otherwise a crowd of
 * thousands would never be served.
 */
const SLICE = 200;
const PROGRESS_MS = 10_000;
const NEXT_REPORT_SECONDS = 120;
/** What a server says that has ten thousand. */
const RETRY_WITHIN_MS = 40_000;
const MANY = 100_000;
const LIMITS: LimitSettings = {
  connections: MANY,
  connectionsPerSource: MANY,
  handshakes: MANY,
  handshakesPerSecond: MANY,
  messageBytes: MANY,
  bootstrapMessageBytes: MANY,
  guessesPerMinute: MANY,
};

const streams = new Set<ServerWritableStream<WatchRequest, Uint8Array>>();
let server: Server | undefined;

process.on('message', (request: BareRequest) => void answer(request).then((result) => process.send?.(result)));
process.once('disconnect', () => process.exit());

async function answer(request: BareRequest): Promise<number> {
  if (request.kind === 'broadcast') return broadcast(request.bytes);
  const { ca, certificate, key, port } = request;
  server = new Server({ 'grpc.enable_channelz': 0 });
  const serialize = (value: unknown): Buffer => Buffer.from(value as Uint8Array);
  server.addService({ ...NodeServiceService, watch: { ...NodeServiceService.watch, responseSerialize: serialize } }, { watch, report } as never);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const tls = new ServerTls({ chainPem: certificate, privateKeyPem: key, clientCaPem: ca });
  const listener = await startTlsListener({ key: 'grpcPort', host: '127.0.0.1', port, tls, limits: LIMITS }, (socket) => injector.injectConnection(socket));
  setInterval(() => void broadcast(PROGRESS), PROGRESS_MS).unref();
  return listener.port;
}

const PROGRESS = WatchResponse.encode({ message: { $case: 'progress', value: { revision: 0n, serverTimeMs: 0 } } }).finish();

function watch(call: ServerWritableStream<WatchRequest, Uint8Array>): void {
  streams.add(call);
  call.on('close', () => streams.delete(call));
  call.write(PROGRESS);
}

function report(_call: ServerUnaryCall<ReportRequest, ReportResponse>, done: sendUnaryData<ReportResponse>): void {
  done(null, { nextReportSeconds: NEXT_REPORT_SECONDS, retryWithinMs: RETRY_WITHIN_MS });
}

/** @returns when it began, monotonic ms. */
async function broadcast(bytes: Uint8Array): Promise<number> {
  const begun = monotonicMs();
  let written = 0;
  for (const stream of [...streams]) {
    stream.write(bytes);
    if (++written % SLICE === 0) await new Promise(setImmediate);
  }
  return begun;
}
