import { Client, credentials } from '@grpc/grpc-js';
import { service } from 'grpc-health-check';

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
  const { path, requestSerialize, responseDeserialize } = service['Check']!;
  const client = new Client(address, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0, 'grpc.use_local_subchannel_pool': 1, 'grpc.service_config_disable_resolution': 1 });
  return new Promise<string>((resolve, reject) => {
    const call = client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service: name }, (error, answer) => {
      if (error === null) resolve((answer as { status: string }).status);
      else reject(new Error(error.details, { cause: error }));
    });
    signal.addEventListener('abort', () => call.cancel(), { once: true });
  }).finally(() => client.close());
}
