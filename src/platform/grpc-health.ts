import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { Client, credentials } from '@grpc/grpc-js';

const CHECK = '/grpc.health.v1.Health/Check';
/** `HealthCheckResponse.ServingStatus`, by number. */
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** What {@link askGrpcHealth} asks. */
export interface GrpcHealthQuestion {
  /** `host:port`, `[v6]:port`. */
  readonly address: string;
  /** The service asked about; empty for the server as a whole. */
  readonly service: string;
}

/**
 * Asks a gRPC server without TLS how one of its services is.
 *
 * @returns `SERVING`, `NOT_SERVING`, `SERVICE_UNKNOWN` or `UNKNOWN`.
 * @throws Error that says what went wrong, when it did not answer or does not know the service.
 * @see https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
export function askGrpcHealth({ address, service: name }: GrpcHealthQuestion, signal: AbortSignal): Promise<string> {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0, 'grpc.use_local_subchannel_pool': 1, 'grpc.service_config_disable_resolution': 1 });
  return new Promise<string>((resolve, reject) => {
    const call = client.makeUnaryRequest(CHECK, encodeRequest, decodeStatus, name, (error, status = '') => {
      if (error === null) resolve(status);
      else reject(new Error(error.details, { cause: error }));
    });
    signal.addEventListener('abort', () => call.cancel(), { once: true });
  }).finally(() => client.close());
}

/** `HealthCheckRequest { string service = 1; }` */
function encodeRequest(service: string): Buffer {
  return Buffer.from(new BinaryWriter().uint32(10).string(service).finish());
}

/** `HealthCheckResponse { ServingStatus status = 1; }` */
function decodeStatus(bytes: Buffer): string {
  const reader = new BinaryReader(bytes);
  let status = 0;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) status = reader.int32();
    else reader.skip(wireType);
  }
  return STATUSES[status] ?? `status ${status}`;
}
