import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js';
import type { DomainError } from '../../domain/errors.js';
import { CallRecord, type CallContext } from './call-record.js';
import type { StreamHandler, StreamSink } from './handler.js';
import type { AdmittedStream } from './stream-admission.js';
import { requestMetadata, toServiceError } from './status.js';

/** A stream that is open, as its listener ends it. */
export interface OpenStream extends AdmittedStream {
  fail(error: DomainError): void;
}

/** Makes a handler one that gRPC can call; its stream is ended when the server stops. */
export function serverStream<Request, Message>(context: CallContext, handler: StreamHandler<Request, Message>): handleServerStreamingCall<Request, Message> {
  return (call) => void serve(context, call, handler);
}

async function serve<Request, Message>(
  context: CallContext,
  call: ServerWritableStream<Request, Message>,
  handler: StreamHandler<Request, Message>,
): Promise<void> {
  const record = new CallRecord(context, call, 'stream');
  const sink = new CallSink<Message>(call, record);
  context.streams.add(sink);
  sink.onClose(() => context.streams.delete(sink));
  try {
    const caller = await record.admit();
    sink.isAdmin = caller.kind === 'admin';
    if (!sink.closed) await handler(call.request, caller, sink, { requestId: record.requestId });
  } catch (error) {
    sink.close(error);
  }
}

/** A gRPC server stream as a handler sees it. */
class CallSink<Message> implements StreamSink<Message>, OpenStream {
  readonly certificateEndsAtMs: number;
  isAdmin = false;
  readonly #call: ServerWritableStream<unknown, Message | Uint8Array>;
  readonly #record: CallRecord;
  readonly #onClose: (() => void)[] = [];
  #closed = false;

  constructor(call: ServerWritableStream<unknown, Message>, record: CallRecord) {
    this.#call = call as ServerWritableStream<unknown, Message | Uint8Array>;
    this.#record = record;
    this.certificateEndsAtMs = record.certificateEndsAtMs;
    // The agent went away or its connection broke: the ordinary end of a watch.
    call.once('cancelled', () => this.#end());
    call.once('close', () => this.#end());
  }

  get closed(): boolean {
    return this.#closed;
  }

  write(message: Message | Uint8Array): boolean {
    return !this.#closed && this.#call.write(message);
  }

  onDrain(listener: () => void): void {
    this.#call.on('drain', listener);
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#onClose.push(listener);
  }

  end(): void {
    if (this.#closed) return;
    this.#call.end(requestMetadata(this.#record.requestId));
    this.#end();
  }

  fail(error: DomainError): void {
    this.close(error);
  }

  async readmit(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#record.admit();
    } catch (error) {
      this.close(error);
    }
  }

  close(error: unknown): void {
    if (this.#closed) return;
    this.#call.emit('error', toServiceError(error, this.#record.requestId));
    this.#end(error);
  }

  #end(error?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#record.ended(error);
    for (const listener of this.#onClose.splice(0)) listener();
  }
}
