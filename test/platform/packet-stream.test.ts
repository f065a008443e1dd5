import fc from 'fast-check';
import { Duplex, PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { FrameReader, framed, MAX_PACKET_BYTES } from '../../src/platform/packet-frames.js';
import { PacketStream } from '../../src/platform/packet-stream.js';
import { until } from '../support/until.js';

describe('frames', () => {
  it.each([[0, 'none'], [MAX_PACKET_BYTES + 1, 'more than the longest']])('are refused with a length of %i, %s', (length) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt16BE(length);

    expect(() => [...new FrameReader().take(bytes)]).toThrow(expect.objectContaining({ code: 'invalid_argument' }) as Error);
  });

  it('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 20 }), fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1 }), (packets, cuts) => {
        const stream = Buffer.concat(packets.flatMap((packet) => framed(packet)));
        const reader = new FrameReader();
        const read: Buffer[] = [];
        for (let at = 0, i = 0; at < stream.length; at += cuts[i++ % cuts.length]!) {
          read.push(...reader.take(stream.subarray(at, at + cuts[i % cuts.length]!)));
        }
        expect(read).toEqual(packets.map((packet) => Buffer.from(packet)));
      }),
    );
  });

  it('hold no more than the beginning of one packet, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 500 }), { maxLength: 50 }), (chunks) => {
        const reader = new FrameReader();
        const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
        try {
          const read = chunks.flatMap((chunk) => [...reader.take(Buffer.from(chunk))]);
          expect(read.reduce((sum, packet) => sum + packet.length + 2, 0)).toBeLessThanOrEqual(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_argument' });
        }
      }),
    );
  });
});

describe('a packet stream', () => {
  it('ends once, when something else than packets comes', async () => {
    const socket = new PassThrough();
    let ended = 0;
    new PacketStream(new Pair(socket, new PassThrough()), { onPacket: () => undefined, onEnd: () => ended++ });

    socket.write(Buffer.alloc(2));
    socket.write(Buffer.alloc(2));

    await until(() => ended > 0, 'the end');
    expect(ended).toBe(1);
  });

  it('loses the oldest packets and no more memory when nobody takes them', async () => {
    const out = new PassThrough();
    const packets = new PacketStream(new Pair(new PassThrough(), out), { onPacket: () => undefined, onEnd: () => undefined });
    const sent = 2000;

    for (let i = 0; i < sent; i++) packets.send(numbered(i));
    const kept = sent - packets.dropped;
    expect(packets.dropped).toBeGreaterThan(0);
    expect(kept * 1000).toBeLessThan(512 * 1024);
    const reader = new FrameReader();
    const arrived: number[] = [];
    out.on('data', (chunk: Buffer) => arrived.push(...[...reader.take(chunk)].map((packet) => packet.readUInt32BE())));

    await until(() => arrived.length === kept, 'what was kept');
    expect(arrived.at(-1)).toBe(sent - 1);
    expect(arrived).toEqual(arrived.toSorted((a, b) => a - b));
  });

  it('sends nothing after its end', () => {
    const out = new PassThrough();
    const packets = new PacketStream(new Pair(new PassThrough(), out), { onPacket: () => undefined, onEnd: () => undefined });

    packets.close();
    packets.close();
    packets.send(Buffer.alloc(10));

    expect(out.readableLength).toBe(0);
  });
});

/** A connection whose directions are two streams. */
class Pair extends Duplex {
  constructor(incoming: PassThrough, private readonly outgoing: PassThrough) {
    super();
    incoming.on('data', (chunk: Buffer) => this.push(chunk));
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.outgoing.write(chunk)) done();
    else this.outgoing.once('drain', done);
  }
}

function numbered(number: number): Buffer {
  const packet = Buffer.alloc(1000);
  packet.writeUInt32BE(number);
  return packet;
}
