import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { DnsCounters } from '../../../src/server/dns/counters.js';
import { DnsService } from '../../../src/server/dns/dns-service.js';
import { openListeners } from '../../../src/server/dns/listeners.js';
import { ManualClock } from '../../support/clock.js';
import { aQuery, defaultNetwork, put, read } from '../../support/dns.js';
import { until } from '../../support/until.js';

async function startTcp() {
  const clock = new ManualClock();
  const counters = new DnsCounters();
  const service = new DnsService({ zone: 'nc.internal', upstreams: [], serveStaleMs: 0, enclosures: [], counters, clock, log: silentLog });
  service.apply({ revision: 7n, changes: [{ kind: 'network', network: defaultNetwork }, put.node(), ...Array.from({ length: 500 }, (_, i) => put.service({ id: `i${i}` }))] });
  const listeners = await openListeners({ listen: [{ host: '127.0.0.1', port: 0 }], tls: undefined }, service, clock);
  onTestFinished(() => listeners.stop());
  return { clock, counters, port: listeners.ports[0]! };
}

async function connectTo(port: number): Promise<Socket & { received: () => Buffer[]; gone: Promise<void> }> {
  const socket = connect({ port, host: '127.0.0.1' });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  let bytes = Buffer.alloc(0);
  socket.on('data', (chunk) => (bytes = Buffer.concat([bytes, chunk])));
  await once(socket, 'connect');
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return Object.assign(socket, { gone, received: () => messages(bytes) });
}

function messages(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 2 <= bytes.length && at + 2 + bytes.readUInt16BE(at) <= bytes.length; at += 2 + bytes.readUInt16BE(at)) {
    found.push(bytes.subarray(at + 2, at + 2 + bytes.readUInt16BE(at)));
  }
  return found;
}

function framed(query: Buffer): Buffer {
  return Buffer.concat([Buffer.from([query.length >> 8, query.length & 255]), query]);
}

const question = framed(aQuery('web-1.default.nc.internal'));

describe('a connection is closed', () => {
  it.each([
    ['announces 64 KiB and sends them', Buffer.alloc(65_537, 0xff)],
    ['announces less than a header', Buffer.from([0, 3, 1, 2, 3])],
    ['sends an answer', framed(Buffer.concat([Buffer.from([0, 1, 0x80]), Buffer.alloc(9)]))],
  ])('on a client that %s', async (_, bytes) => {
    const { port } = await startTcp();
    const socket = await connectTo(port);

    socket.write(bytes);

    await socket.gone;
    expect(socket.received()).toEqual([]);
  });

  it('on a client that lets octets trickle without ever finishing a query', async () => {
    const { port, clock } = await startTcp();
    const socket = await connectTo(port);

    for (const octet of question.subarray(0, 12)) {
      socket.write(Buffer.from([octet]));
      await until(() => socket.writableLength === 0);
      clock.advance(1000);
    }

    await socket.gone;
  });

  it('on a client that asks and never reads, and what it holds stays small', async () => {
    const { port, clock, counters } = await startTcp();
    const socket = await connectTo(port);
    socket.pause();
    const big = framed(aQuery('_shop._tcp.svc.nc.internal', 'SRV'));

    socket.write(Buffer.concat(Array.from({ length: 5000 }, () => big)));
    let before = -1;
    await until(async () => {
      const same = counters.read().tcpQueries === before;
      before = counters.read().tcpQueries;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return same && before > 0;
    }, 'the server to stop reading');

    expect(counters.read().tcpQueries).toBeLessThan(1000);
    clock.advance(10_000);
    socket.resume();
    await socket.gone;
  });

  it('on the 65th of one client, and the others stay', async () => {
    const { port } = await startTcp();
    const sockets = await Promise.all(Array.from({ length: 64 }, () => connectTo(port)));
    const first = sockets[0]!;
    first.write(question);
    await until(() => first.received().length === 1, 'the first answer');

    const late = await connectTo(port);
    await late.gone;

    sockets[63]!.write(question);
    await until(() => sockets[63]!.received().length === 1, 'an answer to an earlier connection');
  });
});

describe('a connection answers', () => {
  it('a query that comes octet by octet', async () => {
    const { port } = await startTcp();
    const socket = await connectTo(port);

    for (const octet of question) {
      socket.write(Buffer.from([octet]));
      await until(() => socket.writableLength === 0);
    }

    await until(() => socket.received().length === 1, 'the answer');
    expect(read(socket.received()[0]).answers).toMatchObject([{ data: '10.66.0.5' }]);
  });

  it('a thousand queries sent at once, each with its own id', async () => {
    const { port } = await startTcp();
    const socket = await connectTo(port);

    socket.write(Buffer.concat(Array.from({ length: 1000 }, (_, id) => framed(aQuery('web-1.default.nc.internal', 'A', id)))));

    await until(() => socket.received().length === 1000, 'all answers');
    expect(new Set(socket.received().map((answer) => answer.readUInt16BE(0))).size).toBe(1000);
  });

  it('a client that has already said its last word, and then ends', async () => {
    const { port } = await startTcp();
    const socket = await connectTo(port);

    socket.end(question);
    await once(socket, 'end');

    expect(socket.received()).toHaveLength(1);
  });

  it('for as long as the client goes on asking', async () => {
    const { port, clock } = await startTcp();
    const socket = await connectTo(port);

    for (let round = 1; round <= 5; round++) {
      clock.advance(9000);
      socket.write(question);
      await until(() => socket.received().length === round, `answer ${round}`);
    }
  });
});
