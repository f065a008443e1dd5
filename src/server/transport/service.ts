import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { CallContext } from './call-record.js';
import type { DuplexHandler, HandlersOf, StreamHandler, UnaryHandler } from './handler.js';
import { duplexStream, serverStream } from './stream.js';
import { unary } from './unary.js';

/** A generated service with a handler for each of its methods. */
export interface Service {
  /** As health probers ask for it: `networkcontroller.v1.NodeService`. */
  readonly name: string;
  readonly definition: ServiceDefinition;
  /** The methods as gRPC calls them, on one listener. */
  implement(context: CallContext): UntypedServiceImplementation;
}

/**
 * Joins a generated service definition with its handlers.
 *
 * A stream also takes the bytes of a message in the message's place: what goes to a thousand watchers is encoded once.
 */
export function service<Definition extends ServiceDefinition>(definition: Definition, handlers: HandlersOf<Definition>): Service {
  const methods = Object.entries(definition);
  return {
    name: methods[0]?.[1].path.split('/')[1] ?? '',
    definition: Object.fromEntries(methods.map(([name, method]) => [name, method.responseStream ? { ...method, responseSerialize: passingBytes(method.responseSerialize) } : method])),
    implement: (context) =>
      Object.fromEntries(
        methods.map(([name, method]) => {
          const handler = (handlers as Readonly<Record<string, unknown>>)[name];
          if (!method.responseStream) return [name, unary(context, handler as UnaryHandler<unknown, unknown>)];
          return [name, method.requestStream ? duplexStream(context, handler as DuplexHandler<unknown, unknown>) : serverStream(context, handler as StreamHandler<unknown, unknown>)];
        }),
      ),
  };
}

function passingBytes<Message>(serialize: (message: Message) => Buffer): (message: Message | Uint8Array) => Buffer {
  return (message) => (message instanceof Uint8Array ? Buffer.from(message.buffer, message.byteOffset, message.byteLength) : serialize(message));
}
