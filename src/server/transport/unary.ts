import type { handleUnaryCall, ServerUnaryCall } from '@grpc/grpc-js';
import { CallRecord, type CallContext } from './call-record.js';
import type { UnaryHandler } from './handler.js';
import { catchUp, tellRead } from './reads.js';
import { requestMetadata, toServiceError } from './status.js';

/** Makes a handler one that gRPC can call: with request id, caller, policy, error mapping and one log line. */
export function unary<Request, Response>(context: CallContext, handler: UnaryHandler<Request, Response>): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const record = new CallRecord(context, call, 'unary');
    answer(context, call, record, handler).then(
      (response) => {
        record.ended();
        const trailer = requestMetadata(record.requestId);
        if (context.reads !== undefined) tellRead(context.reads, trailer);
        callback(null, response, trailer);
      },
      (error: unknown) => {
        record.ended(error);
        callback(toServiceError(error, record.requestId));
      },
    );
  };
}

async function answer<Request, Response>(
  { reads }: CallContext,
  call: ServerUnaryCall<Request, Response>,
  record: CallRecord,
  handler: UnaryHandler<Request, Response>,
): Promise<Response> {
  const caller = await record.admit();
  if (reads !== undefined) await catchUp(reads, call.metadata);
  return handler(call.request, caller, { requestId: record.requestId });
}
