import { describe, expect, it } from 'vitest';
import type { DomainError } from '../../../src/domain/errors.js';
import { WatchEventsRequest, type WatchEventsResponse } from '../../../src/gen/networkcontroller/v1/admin.js';
import { EventTail, type EventSink } from '../../../src/server/services/event-tail.js';
import { startServices } from '../../support/services.js';
import { until } from '../../support/until.js';

/** A reader that takes `appetite` events and then no more until it is hungry again. */
class Reader implements EventSink {
  readonly events: WatchEventsResponse[] = [];
  appetite = Number.POSITIVE_INFINITY;
  ended = false;
  failure: DomainError | undefined;
  #onDrain = (): void => {};
  #onClose = (): void => {};

  write(event: WatchEventsResponse): boolean {
    if (this.ended) throw new Error('written to after the end');
    this.events.push(event);
    return --this.appetite > 0;
  }
  onDrain(listener: () => void): void {
    this.#onDrain = listener;
  }
  onClose(listener: () => void): void {
    this.#onClose = listener;
  }
  end(): void {
    this.ended = true;
    this.#onClose();
  }
  fail(error: DomainError): void {
    this.failure = error;
    this.#onClose();
  }
  close(): void {
    this.#onClose();
  }
  drain(appetite: number): void {
    this.appetite = appetite;
    this.#onDrain();
  }
}

async function start() {
  const services = await startServices();
  const tail = new EventTail(services.repository);
  const open = (wanted: Partial<WatchEventsRequest> = {}, appetite = Number.POSITIVE_INFINITY): Reader => {
    const reader = new Reader();
    reader.appetite = appetite;
    tail.open(WatchEventsRequest.fromPartial(wanted), reader);
    return reader;
  };
  return { ...services, open };
}

const settled = (): Promise<unknown> => new Promise(setImmediate).then(() => new Promise(setImmediate));

describe('reading events', () => {
  it.each([false, true])('from a revision that is not kept any more is refused, following: %s', async (follow) => {
    const { open, token, store, repository } = await start();
    await token();
    await store.compact(repository.view.rev);
    await until(() => repository.view.revisionsFrom(1n, 1) === undefined);

    const reader = open({ fromRevision: 1n, follow });

    expect(reader.failure).toMatchObject({ code: 'revision_compacted' });
    expect(reader.events).toEqual([]);
  });

  it('from a revision that is yet to come ends at once with none', async () => {
    const { open, repository } = await start();

    const reader = open({ fromRevision: repository.view.rev + 100n });

    expect(reader).toMatchObject({ ended: true, events: [] });
  });

  it('without a revision begins with the oldest kept, and ends with the newest', async () => {
    const { open, token, repository } = await start();
    await token();

    const { events, ended } = open();

    expect(ended).toBe(true);
    expect(events[0]).toMatchObject({ revision: repository.view.oldestRev });
    expect(events.at(-1)?.revision).toBe(repository.view.rev);
  });

  it('from a revision has that one and all after it, in order, each once', async () => {
    const { open, token, repository } = await start();
    await token();
    const from = repository.view.rev;
    await token();
    await token();

    const revisions = open({ fromRevision: from }).events.map((event) => event.revision);

    expect([...new Set(revisions)]).toEqual([from, from + 1n, from + 2n]);
    expect(revisions).toEqual([...revisions].sort((a, b) => Number(a - b)));
  });

  it('says what happened to which object of which network, and no value', async () => {
    const { open, register, token, repository } = await start();
    const { node } = await register(await token());

    const { events } = open({ fromRevision: repository.view.rev });

    expect(events).toContainEqual(expect.objectContaining({ kind: 'node', operation: 'put', object: node.id, network: 'default' }));
    expect(events).toContainEqual(expect.objectContaining({ kind: 'address', object: node.bindIp, network: 'default' }));
    expect(events).toContainEqual(expect.objectContaining({ kind: 'certificate', object: node.grpcSerial, network: '' }));
  });

  it.each([1, 3])('stops after %i when so many are asked for, in the middle of a revision too', async (limit) => {
    const { open, register, token, repository } = await start();
    await register(await token());

    const { events, ended } = open({ fromRevision: repository.view.rev, limit });

    expect(events).toHaveLength(limit);
    expect(ended).toBe(true);
  });
});

describe('following events', () => {
  it('without a revision begins with what comes next', async () => {
    const { open, token, repository } = await start();
    await token();
    const reader = open({ follow: true });
    expect(reader.events).toEqual([]);

    await token();
    await settled();

    expect(new Set(reader.events.map((event) => event.revision))).toEqual(new Set([repository.view.rev]));
    expect(reader.ended).toBe(false);
  });

  it('goes from what was to what comes without gap or repetition', async () => {
    const { open, token, repository } = await start();
    await token();
    const from = repository.view.rev;

    const reader = open({ fromRevision: from, follow: true });
    for (let n = 0; n < 5; n++) await token();
    await settled();

    expect([...new Set(reader.events.map((event) => event.revision))]).toEqual(Array.from({ length: 6 }, (_, n) => from + BigInt(n)));
    expect(new Set(reader.events.map((event) => `${event.revision} ${event.kind} ${event.object}`)).size).toBe(reader.events.length);
  });

  it('ends when as many have come as were asked for', async () => {
    const { open, token } = await start();
    const reader = open({ follow: true, limit: 3 });

    await token();
    await token();
    await token();
    await settled();

    expect(reader).toMatchObject({ ended: true });
    expect(reader.events).toHaveLength(3);
  });

  it('writes nothing to a reader that went away', async () => {
    const { open, token } = await start();
    const reader = open({ follow: true });

    reader.close();
    await token();
    await settled();

    expect(reader.events).toEqual([]);
  });
});

describe('a slow reader', () => {
  it('is not written to until it has caught up, then goes on where it was', async () => {
    const { open, token, repository } = await start();
    const from = repository.view.rev + 1n;
    const reader = open({ follow: true, fromRevision: from }, 1);
    for (let n = 0; n < 4; n++) await token();
    await settled();
    const before = reader.events.length;
    await token();
    await settled();
    expect(reader.events).toHaveLength(before);

    reader.drain(Number.POSITIVE_INFINITY);
    await settled();

    const revisions = reader.events.map((event) => event.revision);
    expect([...new Set(revisions)]).toEqual(Array.from({ length: 5 }, (_, n) => from + BigInt(n)));
    expect(revisions).toEqual([...revisions].sort((a, b) => Number(a - b)));
  });

  it('is told when what it has not read is not kept any more', async () => {
    const { open, token, store, repository } = await start();
    const reader = open({ follow: true }, 1);
    await token();
    await settled();
    await token();
    await token();
    await store.compact(repository.view.rev);

    reader.drain(Number.POSITIVE_INFINITY);

    await until(() => reader.failure);
    expect(reader.failure).toMatchObject({ code: 'revision_compacted' });
  });
});
