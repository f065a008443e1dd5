import { describe, expect, it } from 'vitest';
import { decodeOnce } from '../../../bench/simulate/decode-once.js';
import { encodeFrame, FrameReader } from '../../../bench/simulate/grpc-frames.js';
import { Incoming } from '../../../bench/simulate/incoming.js';

describe('messages in a stream of bytes', () => {
  const texts = ['one', '', 'three'.repeat(100), '4'];
  const stream = Buffer.concat(texts.map((text) => encodeFrame(Buffer.from(text))));

  it.each([1, 2, 4, 5, 6, 7, 100, 10_000])('are found when it comes in pieces of %i', (size) => {
    const reader = new FrameReader();
    const found: string[] = [];

    for (let at = 0; at < stream.length; at += size) found.push(...reader.take(stream.subarray(at, at + size)).map(String));

    expect(found).toEqual(texts);
  });

  it('are not given before they are whole', () => {
    const reader = new FrameReader();

    expect(reader.take(encodeFrame(Buffer.from('abc')).subarray(0, 7))).toEqual([]);
  });
});

describe('a decoder of all agents of a process', () => {
  it('decodes the same bytes once, and shares nothing between others', () => {
    const decoded: string[] = [];
    const decode = decodeOnce((bytes) => {
      decoded.push(String(bytes));
      return { text: String(bytes) };
    });

    const [a, b, again] = ['same', 'else', 'same'].map((text) => decode(Buffer.from(text)));

    expect(again).toBe(a);
    expect(b).toEqual({ text: 'else' });
    expect(decoded).toEqual(['same', 'else']);
  });

  it('keeps what it has decoded when the bytes are written over', () => {
    const decode = decodeOnce((bytes) => bytes);
    const bytes = Buffer.from('first');
    const first = decode(bytes);

    bytes.write('other');

    expect(String(first)).toBe('first');
    expect(String(decode(bytes))).toBe('other');
    expect(decode(Buffer.from('first'))).toBe(first);
  });

  it('remembers few, and decodes others anew', () => {
    let count = 0;
    const decode = decodeOnce(() => ++count);
    for (let i = 0; i < 100; i++) decode(Buffer.from(`message ${i}`));

    expect(decode(Buffer.from('message 99'))).toBe(100);
    expect(decode(Buffer.from('message 0'))).toBe(101);
  });
});

describe('what comes of itself', () => {
  const ignore = (): void => {};

  it('is read in order, whether it came before the reader or after', async () => {
    const incoming = new Incoming<number>(ignore);
    incoming.push(1);
    incoming.push(2);
    const seen: number[] = [];
    const reading = (async () => {
      for await (const each of incoming) seen.push(each);
    })();
    await new Promise(setImmediate);
    incoming.push(3);
    incoming.push(4);
    incoming.end(undefined);

    await reading;
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('fails its reader with the error, after what came before it', async () => {
    const incoming = new Incoming<number>(ignore);
    incoming.push(1);
    incoming.end(new Error('lost'));
    incoming.end(undefined);

    await expect(incoming.next()).resolves.toEqual({ done: false, value: 1 });
    await expect(incoming.next()).rejects.toThrow('lost');
  });

  it('fails a reader that waits', async () => {
    const incoming = new Incoming<number>(ignore);
    const waiting = incoming.next();

    incoming.end(new Error('lost'));

    await expect(waiting).rejects.toThrow('lost');
  });

  it('says when its reader has enough', async () => {
    let hasLeft = false;
    const incoming = new Incoming<number>(() => (hasLeft = true));
    incoming.push(1);

    for await (const _each of incoming) break;

    expect(hasLeft).toBe(true);
  });
});
