import type { ServerHttp2Stream } from 'node:http2';
import { Metadata, type ServerInterceptor } from '@grpc/grpc-js';

/** Bytes before each message: compressed or not, and how long it is. */
const HEAD_BYTES = 5;

/**
 * Writes a message that was given as its bytes as a frame that is made once, however many streams the same bytes go to.
 *
 * gRPC makes a frame of its own for each stream, which is a third of what its part of a change costs for a thousand agents, and has no
 * interface for less: this reaches for the stream of HTTP/2 below the innermost call. Where there is none, gRPC frames as ever. What holds a
 * writer back and what ends the stream stay gRPC's.
 *
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, Length-Prefixed-Message
 */
export const frameOnce: ServerInterceptor = (_method, call) => {
  const { stream } = call as { readonly stream?: ServerHttp2Stream };
  if (typeof stream?.write !== 'function') return call as ReturnType<ServerInterceptor>;
  const sendMessage = call.sendMessage.bind(call);
  let hasBegun = false;
  call.sendMessage = (message, done) => {
    if (!(message instanceof Uint8Array)) return sendMessage(message, done);
    if (stream.destroyed || stream.closed) return;
    // Of no effect when the handler has sent its own.
    if (!hasBegun) call.sendMetadata(new Metadata());
    hasBegun = true;
    // A stream that is broken ends its call by itself.
    stream.write(frameOf(message), (error) => void (error ?? done()));
  };
  return call as ReturnType<ServerInterceptor>;
};

const frames = new WeakMap<Uint8Array, Buffer>();

function frameOf(message: Uint8Array): Buffer {
  const known = frames.get(message);
  if (known !== undefined) return known;
  const frame = Buffer.allocUnsafeSlow(HEAD_BYTES + message.length);
  frame.writeUInt8(0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, HEAD_BYTES);
  frames.set(message, frame);
  return frame;
}
