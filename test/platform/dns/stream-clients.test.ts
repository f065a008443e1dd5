import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { QueryHandler, Replier } from '../../../src/platform/dns/query-handler.js';
import { listenOnTcp } from '../../../src/platform/dns/tcp-listener.js';
import { listenOnUdp } from '../../../src/platform/dns/udp-listener.js';
import { ManualClock } from '../../support/clock.js';
import { until } from '../../support/until.js';

const HOST = '127.0.0.1';

/** A listener whose answers a test gives when it likes. */
async function listen() {
  const clock = new ManualClock();
  const waiting: { readonly message: string; readonly reply: Replier }[] = [];
  const handle: QueryHandler = (message, _client, reply) => void waiting.push({ message: Buffer.from(message).toString(), reply });
  const listening = await listenOnTcp({ host: HOST, port: 0 }, handle, clock);
  onTestFinished(() => listening.stop());
  return { clock, waiting, listening, arrived: (count: number) => until(() => waiting.length >= count, `${count} queries`) };
}

async function client(port: number): Promise<{ socket: Socket; text: () => string; gone: Promise<void> }> {
  const socket = connect({ port, host: HOST }).on('error', () => {});
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await once(socket, 'connect');
  return { socket, gone, text: () => text };
}

const framed = (text: string): Buffer => Buffer.concat([Buffer.from([text.length >> 8, text.length & 255]), Buffer.from(text)]);

describe('a client on a stream', () => {
  it('is cut off when it announces more octets than any query has, before it sends them', async () => {
    const { listening, waiting } = await listen();
    const { socket, gone } = await client(listening.port);

    socket.write(Buffer.from([0x10, 0x01]));

    await gone;
    expect(waiting).toEqual([]);
  });

  it('may send a query of just that length', async () => {
    const { listening, waiting, arrived } = await listen();
    const { socket } = await client(listening.port);

    socket.write(framed('x'.repeat(4096)));

    await arrived(1);
    expect(waiting[0]!.message).toHaveLength(4096);
  });

  it('is cut off when its message gets no answer, and the queries before it are answered no more', async () => {
    const { listening, waiting, arrived } = await listen();
    const { socket, gone, text } = await client(listening.port);
    socket.write(Buffer.concat([framed('one'), framed('two')]));
    await arrived(2);

    waiting[1]!.reply(undefined);
    waiting[0]!.reply(Buffer.from('late'));

    await gone;
    expect(text()).toBe('');
  });

  it('has 64 queries under way at most; the next is read when one is answered', async () => {
    const { listening, waiting, arrived } = await listen();
    const { socket } = await client(listening.port);
    socket.write(Buffer.concat(Array.from({ length: 70 }, (_, i) => framed(`query ${i}`))));
    await arrived(64);
    expect(waiting).toHaveLength(64);

    waiting[10]!.reply(Buffer.from('an answer'));
    await arrived(65);

    expect(waiting.map(({ message }) => message)).toEqual(Array.from({ length: 65 }, (_, i) => `query ${i}`));
  });

  it('gets answers as they come, not in the order of its queries', async () => {
    const { listening, waiting, arrived } = await listen();
    const { socket, text } = await client(listening.port);
    socket.write(Buffer.concat([framed('slow'), framed('fast')]));
    await arrived(2);

    waiting[1]!.reply(Buffer.from('second'));
    waiting[0]!.reply(Buffer.from('first'));

    await until(() => text() === '\0\x06second\0\x05first', 'both answers');
  });

  it('that has said all gets what is under way, and only then the end', async () => {
    const { listening, waiting, arrived } = await listen();
    const { socket, text, gone } = await client(listening.port);
    socket.end(framed('last'));
    await arrived(1);
    expect(socket.readableEnded).toBe(false);

    waiting[0]!.reply(Buffer.from('answer'));

    await gone;
    expect(text()).toBe('\0\x06answer');
  });

  it('is cut off ten seconds after its last query, and not before', async () => {
    const { listening, clock, arrived } = await listen();
    const idle = await client(listening.port);
    const busy = await client(listening.port);
    idle.socket.write(framed('one'));
    busy.socket.write(framed('one'));
    await arrived(2);
    clock.advance(9999);
    busy.socket.write(framed('two'));
    await arrived(3);

    clock.advance(1);

    await idle.gone;
    busy.socket.write(framed('three'));
    await arrived(4);
  });

  it('may come again when one of its 64 connections has ended', async () => {
    const { listening, arrived } = await listen();
    const all = await Promise.all(Array.from({ length: 64 }, () => client(listening.port)));
    const refused = await client(listening.port);
    await refused.gone;

    all[0]!.socket.end();
    await all[0]!.gone;

    // This side may see the end before the listener does.
    await until(async () => {
      const next = await client(listening.port);
      next.socket.write(framed('again'));
      return Promise.race([next.gone.then(() => false), arrived(1)]);
    }, 'a connection that is taken');
  });

  it('is cut off when the listener ends, also in the middle of a query', async () => {
    const { listening, waiting, arrived } = await listen();
    const { socket, gone } = await client(listening.port);
    socket.write(Buffer.concat([framed('one'), Buffer.from([0, 9, 1])]));
    await arrived(1);

    await listening.stop();
    await gone;

    expect(() => waiting[0]!.reply(Buffer.from('late'))).not.toThrow();
  });
});

describe('a port', () => {
  it.each<[string, (at: { host: string; port: number }) => Promise<{ port: number; stop(): Promise<void> }>]>([
    ['UDP', (at) => listenOnUdp(at, () => {})],
    ['TCP', (at) => listenOnTcp(at, () => {}, new ManualClock())],
  ])('of %s that is taken is refused, and free again after the end', async (_, open) => {
    const first = await open({ host: HOST, port: 0 });
    await expect(open({ host: HOST, port: first.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await expect(open({ host: '192.0.2.1', port: 0 })).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });

    await first.stop();

    const again = await open({ host: HOST, port: first.port });
    await again.stop();
  });

  it('of UDP keeps quiet for a message without an answer, and tells who asked', async () => {
    const heard: string[] = [];
    const listening = await listenOnUdp({ host: HOST, port: 0 }, (message, { via, address }, reply) => {
      heard.push(`${Buffer.from(message).toString()} ${via} ${address}`);
      if (Buffer.from(message).toString() === 'second') reply(Buffer.from('answer to the second'));
      else reply(undefined);
    });
    onTestFinished(() => listening.stop());

    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());
    const answers: string[] = [];
    socket.on('message', (answer) => answers.push(answer.toString()));
    for (const message of ['first', 'second']) socket.send(message, listening.port, HOST);

    await until(() => answers.length > 0, 'an answer');
    expect(heard).toEqual([`first udp ${HOST}`, `second udp ${HOST}`]);
    expect(answers).toEqual(['answer to the second']);
  });
});
