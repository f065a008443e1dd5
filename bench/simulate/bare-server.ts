import { Server, ServerCredentials, type ServerUnaryCall, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js';
import { NodeServiceService, WatchResponse, type ReportRequest, type ReportResponse, type WatchRequest } from '../../src/gen/networkcontroller/v1/node.js';
import type { BareRequest } from './bare.js';
import { monotonicMs } from './fleet.js';

/**
 * What a server cannot do without: streams over mutual TLS on the same library, and the same bytes written to each, two hundred in a turn of
 * the event loop. No store, no map, nobody is looked up.
 */
const SLICE = 200;
const PROGRESS_MS = 10_000;
const NEXT_REPORT_SECONDS = 120;

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
  const tls = ServerCredentials.createSsl(Buffer.from(ca), [{ cert_chain: Buffer.from(certificate), private_key: Buffer.from(key) }], true);
  const bound = new Promise<number>((resolve, reject) => server?.bindAsync(`127.0.0.1:${port}`, tls, (error, at) => (error === null ? resolve(at) : reject(error))));
  setInterval(() => void broadcast(PROGRESS), PROGRESS_MS).unref();
  return bound;
}

const PROGRESS = WatchResponse.encode({ message: { $case: 'progress', value: { revision: 0n, serverTimeMs: 0 } } }).finish();

function watch(call: ServerWritableStream<WatchRequest, Uint8Array>): void {
  streams.add(call);
  call.on('close', () => streams.delete(call));
  call.write(PROGRESS);
}

function report(_call: ServerUnaryCall<ReportRequest, ReportResponse>, done: sendUnaryData<ReportResponse>): void {
  done(null, { nextReportSeconds: NEXT_REPORT_SECONDS });
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
