import { DomainError } from '../domain/errors.js';

/** Longest packet in bytes: WireGuard's of the largest MTU that a network may have, and its header and tag. */
export const MAX_PACKET_BYTES = 65_507;

/** The length that precedes each packet: two bytes, big endian. */
const LENGTH_BYTES = 2;

/** A packet as it stands in a stream: its length, then itself. */
export function framed(packet: Uint8Array): [Buffer, Uint8Array] {
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt16BE(packet.length);
  return [length, packet];
}

/** Finds the packets in a stream of bytes. Holds at most the beginning of one. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /**
   * Takes the next bytes and gives the packets that are complete now.
   *
   * @throws DomainError `invalid_argument` for a length that no packet has; nothing after it can be read.
   */
  *take(chunk: Buffer): Iterable<Buffer> {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at + LENGTH_BYTES <= bytes.length) {
      const length = bytes.readUInt16BE(at);
      if (length === 0 || length > MAX_PACKET_BYTES) throw new DomainError('invalid_argument', `packet: want 1 to ${MAX_PACKET_BYTES} bytes, got ${length}`);
      if (at + LENGTH_BYTES + length > bytes.length) break;
      yield bytes.subarray(at + LENGTH_BYTES, at + LENGTH_BYTES + length);
      at += LENGTH_BYTES + length;
    }
    // A copy, so that a few bytes do not keep all those before them.
    this.#rest = Buffer.from(bytes.subarray(at));
  }
}
