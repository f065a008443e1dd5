import { describe, expect, it, onTestFinished } from 'vitest';
import { DomainError } from '../../../src/domain/errors.js';
import { AdminServiceClient, WatchEventsRequest, WatchEventsResponse } from '../../../src/gen/networkcontroller/v1/admin.js';
import { NodeServiceClient, type KeepServicesRequest, type KeepServicesResponse } from '../../../src/gen/networkcontroller/v1/node.js';
import { callStream, callUnary, connect, openDuplex } from '../../../src/platform/rpc-client.js';
import type { DuplexHandler, StreamHandler, StreamSink } from '../../../src/server/transport/handler.js';
import { adminService, nodeService, startTlsTestListener, startUnixTestListener } from '../../support/rpc-listener.js';
import { until } from '../../support/until.js';

type KeepHandler = DuplexHandler<KeepServicesRequest, KeepServicesResponse>;
type EventHandler = StreamHandler<WatchEventsRequest, WatchEventsResponse>;

const REQUEST = WatchEventsRequest.fromPartial({});
const event = (revision: bigint, object = ''): WatchEventsResponse => WatchEventsResponse.fromPartial({ revision, object });

/** A listener whose WatchEvents is `watchEvents`, and a client of it. */
async function startStreams(watchEvents: EventHandler) {
  const { server, socketPath } = await startUnixTestListener([adminService({ watchEvents, getToken: () => Promise.resolve({ token: undefined }) })]);
  const client = connect(AdminServiceClient, { socketPath });
  onTestFinished(() => client.close());
  return { server, client };
}

/** A listener for nodes whose KeepServices is `keepServices`, and one stream of a client of it. */
async function startKeeping(keepServices: KeepHandler) {
  const node = { kind: 'node', nodeId: 'n-1', network: 'default', serial: '', address: '' } as const;
  const { server, target } = await startTlsTestListener({ services: [nodeService({ keepServices })], authenticate: async () => node });
  const client = connect(NodeServiceClient, target);
  onTestFinished(() => client.close());
  const ending = new AbortController();
  const heard: string[][] = [];
  let onEnd = (_error: Error | undefined): void => {};
  const ended = new Promise<Error | undefined>((resolve) => (onEnd = resolve));
  const stream = openDuplex(client, 'keepServices', { signal: ending.signal, onMessage: ({ unknown }) => heard.push(unknown), onEnd });
  const say = (id: string): void => stream.write({ services: [{ id, health: '', healthReason: '' }] });
  return { server, heard, ended, say, end: () => ending.abort() };
}

/** Reads a stream to its end. */
async function collect(client: AdminServiceClient): Promise<bigint[]> {
  const revisions: bigint[] = [];
  for await (const { revision } of callStream(client, 'watchEvents', REQUEST)) revisions.push(revision);
  return revisions;
}

describe('a server stream', () => {
  it('refuses before anything is sent', async () => {
    const { client, server } = await startStreams(() => {
      throw new DomainError('revision_compacted', 'revision 3 is no longer kept');
    });

    await expect(collect(client)).rejects.toMatchObject({ code: 'revision_compacted', message: 'revision 3 is no longer kept' });
    expect(server.streams).toBe(0);
  });

  it('tells nothing of a fault of ours', async () => {
    const { client } = await startStreams(() => Promise.reject(new TypeError('secretThing')));

    await expect(collect(client)).rejects.toMatchObject({ code: 'internal', message: expect.not.stringContaining('secretThing') });
  });

  it('delivers what was sent before it failed', async () => {
    const { client } = await startStreams((_request, _caller, sink) => {
      sink.write(event(1n));
      sink.fail(new DomainError('node_revoked', 'node n-1 has been revoked'));
    });
    const seen: bigint[] = [];

    const reading = (async () => {
      for await (const { revision } of callStream(client, 'watchEvents', REQUEST)) seen.push(revision);
    })();

    await expect(reading).rejects.toMatchObject({ code: 'node_revoked' });
    expect(seen).toEqual([1n]);
  });

  it('delivers messages and pre-encoded bytes alike, in order, and ends well', async () => {
    const { client } = await startStreams((_request, _caller, sink) => {
      sink.write(event(1n));
      sink.write(Buffer.from(WatchEventsResponse.encode(event(2n)).finish()));
      sink.write(WatchEventsResponse.encode(event(3n)).finish());
      sink.end();
    });

    await expect(collect(client)).resolves.toEqual([1n, 2n, 3n]);
  });

  it('says when the receiver is behind, and when it has caught up', async () => {
    let accepted = 0;
    let drains = 0;
    const { client } = await startStreams((_request, _caller, sink) => {
      const pump = (): void => {
        while (accepted < 1_000) {
          accepted++;
          if (!sink.write(event(BigInt(accepted), 'x'.repeat(16_384)))) return;
        }
        sink.end();
      };
      sink.onDrain(() => {
        drains++;
        pump();
      });
      pump();
    });
    const messages = callStream(client, 'watchEvents', REQUEST);

    await messages.next();
    expect(accepted).toBeLessThan(1_000);
    let seen = 1;
    for await (const _message of messages) seen++;

    expect(seen).toBe(1_000);
    expect(drains).toBeGreaterThan(0);
  });

  it.each([
    ['leaves the loop', (messages: AsyncGenerator<unknown>) => void messages.return(undefined)],
    ['aborts', (_messages: AsyncGenerator<unknown>, abort: AbortController) => abort.abort()],
  ])('tells its handler once when the receiver %s', async (_how, leave) => {
    let closed = 0;
    let last: StreamSink<WatchEventsResponse> | undefined;
    const { client, server } = await startStreams((_request, _caller, sink) => {
      last = sink;
      sink.write(event(1n));
      sink.onClose(() => closed++);
    });
    const abort = new AbortController();
    const messages = callStream(client, 'watchEvents', REQUEST, { signal: abort.signal });
    await messages.next();

    leave(messages, abort);
    await messages.next().catch(() => {});
    await server.stop();

    expect(closed).toBe(1);
    expect(last?.write(event(2n))).toBe(false);
  });

  it('runs a listener at once that comes after the end', async () => {
    let told = false;
    const { client } = await startStreams((_request, _caller, sink) => {
      sink.end();
      sink.onClose(() => (told = true));
    });

    await collect(client);

    expect(told).toBe(true);
  });
});

describe('a server that stops', () => {
  it('ends every stream as draining, so that agents go elsewhere', async () => {
    const { client, server } = await startStreams(() => {});
    const ends = Array.from({ length: 20 }, () => collect(client));
    await until(() => server.streams === 20);

    const stopped = server.stop();

    for (const end of ends) await expect(end).rejects.toMatchObject({ code: 'draining' });
    await stopped;
    expect(server.streams).toBe(0);
  });

  it('finishes calls that it has begun and begins no more', async () => {
    let finish: () => void = () => {};
    const begun = new Promise<void>((resolve) => (finish = resolve));
    let reached = 0;
    const { server, socketPath } = await startUnixTestListener([
      adminService({
        getToken: async () => {
          reached++;
          await begun;
          return { token: undefined };
        },
      }),
    ]);
    const client = connect(AdminServiceClient, { socketPath });
    onTestFinished(() => client.close());
    const first = callUnary(client, 'getToken', { id: 'x' });
    await until(() => reached === 1);

    const stopped = server.stop();
    const second = callUnary(client, 'getToken', { id: 'y' });
    await expect(second).rejects.toMatchObject({ code: expect.stringMatching(/^(draining|unavailable)$/) });
    finish();

    await expect(first).resolves.toEqual({ token: undefined });
    await stopped;
    expect(reached).toBe(1);
  });

  it('does not wait for a call that never ends', async () => {
    let reached = false;
    const { server, socketPath } = await startUnixTestListener([adminService({ getToken: () => new Promise(() => (reached = true)) })]);
    const client = connect(AdminServiceClient, { socketPath });
    onTestFinished(() => client.close());
    const called = callUnary(client, 'getToken', { id: 'x' });
    await until(() => reached);

    await server.stop();

    await expect(called).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('stops once, however often it is told', async () => {
    const { server } = await startStreams(() => {});

    await Promise.all([server.drain(), server.stop(), server.stop()]);
    await server.stop();
  });
});

describe('a stream in both directions', () => {
  it.each([
    ['before anything is read', () => { throw new DomainError('permission_denied', 'not you'); }],
    ['of the first message', () => () => Promise.reject(new DomainError('permission_denied', 'not you'))],
  ] satisfies [string, KeepHandler][])('is ended by a refusal %s, with its code', async (_when, keepServices) => {
    const { say, ended, server } = await startKeeping(keepServices);

    say('a');

    await expect(ended).resolves.toMatchObject({ code: 'permission_denied', message: 'not you' });
    expect(server.streams).toBe(0);
  });

  it('hands over one message after another, however long each takes', async () => {
    const taken: string[] = [];
    const { say } = await startKeeping(() => async ({ services: [service] }) => {
      taken.push(`${service!.id} begins`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      taken.push(`${service!.id} ends`);
    });

    for (const id of ['a', 'b', 'c']) say(id);

    await until(() => taken.length === 6, 'three messages');
    expect(taken).toEqual(['a', 'b', 'c'].flatMap((id) => [`${id} begins`, `${id} ends`]));
  });

  it('answers while it is spoken to', async () => {
    const { say, heard } = await startKeeping((_caller, sink) => async ({ services }) => void sink.write({ unknown: services.map(({ id }) => id.toUpperCase()) }));

    say('a');
    await until(() => heard.length === 1, 'an answer');
    say('b');

    await until(() => heard.length === 2, 'another');
    expect(heard).toEqual([['A'], ['B']]);
  });

  it('tells its handler when the caller is gone', async () => {
    let closed = 0;
    const { say, heard, end, ended } = await startKeeping((_caller, sink) => {
      sink.onClose(() => closed++);
      return async () => void sink.write({ unknown: [] });
    });
    say('a');
    await until(() => heard.length === 1, 'an answer');

    end();

    await until(() => closed === 1, 'the handler to know');
    expect(await ended).toBeUndefined();
  });
});
