import type { handleBidiStreamingCall, handleServerStreamingCall, ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import type { DomainError } from '../../domain/errors.js';
import type { Caller } from '../auth/caller.js';
import { CallRecord, type CallContext } from './call-record.js';
import type { CallInfo, DuplexHandler, StreamHandler, StreamSink } from './handler.js';
import type { AdmittedStream } from './stream-admission.js';
import { requestMetadata, toServiceError } from './status.js';

/** A stream that is open, as its listener ends it. */
export interface OpenStream extends AdmittedStream {
  fail(error: DomainError): void;
}

/** Makes a handler one that gRPC can call; its stream is ended when the server stops. */
export function serverStream<Request, Message>(context: CallContext, handler: StreamHandler<Request, Message>): handleServerStreamingCall<Request, Message> {
  return (call) => void serve<Message>(context, call, (caller, sink, info) => handler(call.request, caller, sink, info));
}

/** The same for a stream in both directions, which ends when its caller has said all. */
export function duplexStream<Request, Message>(context: CallContext, handler: DuplexHandler<Request, Message>): handleBidiStreamingCall<Request, Message> {
  return (call) => void serve<Message>(context, call, (caller, sink, info) => takeEach(call, sink, handler(caller, sink, info)));
}

/** Nothing more is read before what was read is dealt with. */
function takeEach<Request, Message>(call: ServerDuplexStream<Request, Message>, sink: CallSink<Message>, take: (message: Request) => Promise<void>): void {
  call.on('data', (message: Request) => {
    call.pause();
    take(message).then(() => call.resume(), (error: unknown) => sink.close(error));
  });
  call.on('end', () => sink.end());
}

async function serve<Message>(
  context: CallContext,
  call: AnyStream<Message>,
  begin: (caller: Caller, sink: CallSink<Message>, info: CallInfo) => void | Promise<void>,
): Promise<void> {
  const record = new CallRecord(context, call, 'stream');
  const sink = new CallSink<Message>(call, record);
  context.streams.add(sink);
  sink.onClose(() => context.streams.delete(sink));
  try {
    const caller = await record.admit();
    sink.isAdmin = caller.kind === 'admin';
    if (!sink.closed) await begin(caller, sink, { requestId: record.requestId });
  } catch (error) {
    sink.close(error);
  }
}

/** A stream that the server writes to. */
type AnyStream<Message> = ServerWritableStream<unknown, Message> | ServerDuplexStream<unknown, Message>;

/** A gRPC server stream as a handler sees it. */
class CallSink<Message> implements StreamSink<Message>, OpenStream {
  readonly certificateEndsAtMs: number;
  isAdmin = false;
  readonly #call: AnyStream<Message | Uint8Array>;
  readonly #record: CallRecord;
  readonly #onClose: (() => void)[] = [];
  #closed = false;

  constructor(call: AnyStream<Message>, record: CallRecord) {
    this.#call = call as AnyStream<Message | Uint8Array>;
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
