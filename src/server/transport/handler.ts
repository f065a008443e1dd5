import type { DomainError } from '../../domain/errors.js';
import type { Caller } from '../auth/caller.js';

/** What a handler may know of the call beside the request and the caller. */
export interface CallInfo {
  readonly requestId: string;
}

/** Answers one request. Its caller has passed the policy of the method. Refuses by throwing DomainError. */
export type UnaryHandler<Request, Response> = (request: Request, caller: Caller, call: CallInfo) => Promise<Response>;

/** The sending side of a server stream. */
export interface StreamSink<Message> {
  /** Sends a message, or the bytes of one; false when the receiver is behind and {@link onDrain} should be awaited. */
  write(message: Message | Uint8Array): boolean;
  onDrain(listener: () => void): void;
  /** Calls `listener` once when the stream is over, whoever ended it. */
  onClose(listener: () => void): void;
  /** Ends the stream well. */
  end(): void;
  /** Ends the stream with a refusal. */
  fail(error: DomainError): void;
}

/** Serves one stream until it or the caller ends it. Refuses by throwing before anything is sent. */
export type StreamHandler<Request, Message> = (request: Request, caller: Caller, sink: StreamSink<Message>, call: CallInfo) => void | Promise<void>;

/** Serves one stream in both directions. Returns who takes the caller's messages, one after another. Refuses by throwing. */
export type DuplexHandler<Request, Message> = (caller: Caller, sink: StreamSink<Message>, call: CallInfo) => (message: Request) => Promise<void>;

/** One handler for each method of a generated service definition. */
export type HandlersOf<Definition> = {
  readonly [Method in keyof Definition]: Definition[Method] extends {
    readonly requestStream: infer Asks;
    readonly responseStream: infer Streams;
    readonly requestDeserialize: (bytes: Buffer) => infer Request;
    readonly responseDeserialize: (bytes: Buffer) => infer Response;
  }
    ? Streams extends true
      ? Asks extends true
        ? DuplexHandler<Request, Response>
        : StreamHandler<Request, Response>
      : UnaryHandler<Request, Response>
    : never;
};
