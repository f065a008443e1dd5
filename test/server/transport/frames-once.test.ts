import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { credentials, Server, ServerCredentials, status, type ServerWritableStream } from '@grpc/grpc-js';
import { AdminServiceClient, AdminServiceService, WatchEventsRequest, WatchEventsResponse } from '../../../src/gen/networkcontroller/v1/admin.js';
import { frameOnce } from '../../../src/server/transport/frames-once.js';
import { until } from '../../support/until.js';

type Stream = ServerWritableStream<WatchEventsRequest, WatchEventsResponse | Uint8Array>;

/** A gRPC server whose streams the test writes to, and a client of it. */
let server: Server;
let client: AdminServiceClient;
let serve: (stream: Stream) => void;
/** How many messages gRPC has turned into bytes. */
let serialized: number;

beforeEach(async () => {
  serialized = 0;
  server = new Server({ interceptors: [frameOnce] });
  const { watchEvents } = AdminServiceService;
  const responseSerialize = (message: WatchEventsResponse): Buffer => {
    serialized++;
    return watchEvents.responseSerialize(message);
  };
  server.addService({ watchEvents: { ...watchEvents, responseSerialize } } as never, { watchEvents: (stream: Stream) => serve(stream) });
  const port = await new Promise<number>((resolve, reject) => server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) => (error === null ? resolve(at) : reject(error))));
  client = new AdminServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
});

afterEach(() => {
  client.close();
  server.forceShutdown();
});

const event = (revision: number, object = ''): WatchEventsResponse => WatchEventsResponse.fromPartial({ revision: BigInt(revision), object });
const bytesOf = (message: WatchEventsResponse): Uint8Array => WatchEventsResponse.encode(message).finish();

/** Reads a stream to its end. */
async function read(): Promise<{ events: WatchEventsResponse[]; code: status }> {
  const call = client.watchEvents(WatchEventsRequest.fromPartial({}));
  const events: WatchEventsResponse[] = [];
  const code = await new Promise<status>((resolve) => call.on('data', (each: WatchEventsResponse) => events.push(each)).on('error', () => {}).on('status', (end) => resolve(end.code)));
  return { events, code };
}

describe('a message that is bytes already', () => {
  it('is not framed by gRPC', async () => {
    serve = (stream) => {
      stream.write(bytesOf(event(1)));
      stream.end();
    };

    expect(await read()).toEqual({ events: [event(1)], code: status.OK });
    expect(serialized).toBe(0);
  });

  it('is framed once for all the streams that it goes to', async () => {
    const shared = bytesOf(event(7, 'x'.repeat(54_321)));
    const allocated = vi.spyOn(Buffer, 'allocUnsafeSlow');
    serve = (stream) => {
      stream.write(shared);
      stream.end();
    };

    const all = await Promise.all(Array.from({ length: 5 }, read));

    expect(all.map(({ events }) => events[0]?.object.length)).toEqual(Array.from({ length: 5 }, () => 54_321));
    expect(allocated.mock.calls.filter(([size]) => size === shared.length + 5)).toHaveLength(1);
    allocated.mockRestore();
  });

  it('keeps its place among messages that are none', async () => {
    serve = (stream) => {
      for (let revision = 1; revision <= 9; revision++) stream.write(revision % 2 === 0 ? event(revision) : bytesOf(event(revision)));
      stream.end();
    };

    expect((await read()).events.map(({ revision }) => Number(revision))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(serialized).toBe(4);
  });

  it.each([0, 1, 16_384, 65_536, 1_000_000])('arrives whole with %i octets in it', async (length) => {
    serve = (stream) => {
      stream.write(length === 0 ? new Uint8Array() : bytesOf(event(1, 'x'.repeat(length))));
      stream.write(bytesOf(event(2)));
      stream.end();
    };

    expect((await read()).events.map(({ object }) => object.length)).toEqual([length, 0]);
  });

  it('arrives before the refusal that ends the stream', async () => {
    serve = (stream) => {
      stream.write(bytesOf(event(1)));
      stream.emit('error', { code: status.FAILED_PRECONDITION, details: 'over' });
    };

    expect(await read()).toEqual({ events: [event(1)], code: status.FAILED_PRECONDITION });
  });

  it('waits, and all that come after it, while the receiver is behind', async () => {
    const shared = bytesOf(event(1, 'x'.repeat(16_384)));
    let accepted = 0;
    serve = (stream) => {
      const pump = (): void => {
        while (accepted < 500) {
          accepted++;
          if (!stream.write(shared)) return void stream.once('drain', pump);
        }
        stream.end();
      };
      pump();
    };
    const call = client.watchEvents(WatchEventsRequest.fromPartial({}));
    await new Promise((resolve) => call.once('metadata', resolve));
    expect(accepted).toBeLessThan(500);

    let seen = 0;
    for await (const _each of call) seen++;

    expect(seen).toBe(500);
  });

  it('goes nowhere when its stream is over, and harms no other', async () => {
    const streams: Stream[] = [];
    serve = (stream) => {
      streams.push(stream);
      stream.write(bytesOf(event(1)));
    };
    const gone = client.watchEvents(WatchEventsRequest.fromPartial({}));
    gone.on('error', () => {});
    const kept = client.watchEvents(WatchEventsRequest.fromPartial({}));
    const seen: number[] = [];
    kept.on('data', ({ revision }: WatchEventsResponse) => seen.push(Number(revision))).on('error', () => {});
    await until(() => streams.length === 2 && seen.length === 1);

    gone.cancel();
    await until(() => streams.some((stream) => stream.cancelled));
    const shared = bytesOf(event(2));
    for (const stream of streams) stream.write(shared);

    await until(() => seen.length === 2);
    expect(seen).toEqual([1, 2]);
  });
});

it('leaves everything to gRPC where it finds no stream of HTTP/2', () => {
  const sendMessage = (): void => {};
  const call = { sendMessage } as never;

  expect(frameOnce({} as never, call)).toBe(call);
  expect((call as { sendMessage: unknown }).sendMessage).toBe(sendMessage);
});
