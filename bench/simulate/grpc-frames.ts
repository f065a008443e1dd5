/** Bytes before each message: compressed or not, and how long it is. */
const HEAD_BYTES = 5;
const NOTHING = Buffer.alloc(0);

/** A message as gRPC puts it into a stream. @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, Length-Prefixed-Message */
export function encodeFrame(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + message.length);
  frame.writeUInt8(0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, HEAD_BYTES);
  return frame;
}

/** Finds the messages in a stream of bytes, which may be cut anywhere. */
export class FrameReader {
  #rest: Buffer = NOTHING;

  /** Takes what has come. @returns the messages that are whole now, parts of what was given. */
  take(bytes: Buffer): Buffer[] {
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const whole: Buffer[] = [];
    while (rest.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + rest.readUInt32BE(1);
      if (rest.length < end) break;
      whole.push(rest.subarray(HEAD_BYTES, end));
      rest = rest.subarray(end);
    }
    // An empty part would still hold all of what it is a part of.
    this.#rest = rest.length === 0 ? NOTHING : rest;
    return whole;
  }
}

/** The messages in a stream of bytes that is read no faster than they are taken. */
export async function* framesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  const reader = new FrameReader();
  for await (const bytes of stream) yield* reader.take(bytes);
}
