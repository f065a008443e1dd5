import { describe, expect, it } from 'vitest';
import type { DomainError } from '../../../src/domain/errors.js';
import { WatchResponse } from '../../../src/gen/networkcontroller/v1/node.js';
import { NetworkConfig, TrustBundle } from '../../../src/gen/networkcontroller/v1/types.js';
import { NetworkRecord, PresenceRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { MapFeed } from '../../../src/server/feed/map-feed.js';
import type { WatchSink } from '../../../src/server/feed/watcher.js';
import { keys } from '../../../src/server/store/keys.js';
import { ADMIN, startServices } from '../../support/services.js';
import { until } from '../../support/until.js';

/** An agent that keeps the map it is told. */
class Agent implements WatchSink {
  readonly messages: NonNullable<WatchResponse['message']>[] = [];
  readonly peers = new Set<string>();
  revision = 0n;
  complete = false;
  resets: string[] = [];
  failure: DomainError | undefined;

  write(bytes: Uint8Array): boolean {
    const { message } = WatchResponse.decode(bytes);
    if (message === undefined) throw new Error('empty message');
    this.messages.push(message);
    if (message.$case === 'reset') {
      this.resets.push(message.value.reason);
      this.peers.clear();
    } else if (message.$case === 'snapshot') {
      for (const peer of message.value.peers) this.peers.add(peer.nodeId);
      if (message.value.last) this.#caughtUp(message.value.revision);
    } else if (message.$case === 'delta') this.#apply(message.value);
    else if (message.$case === 'progress') this.#caughtUp(message.value.revision);
    return true;
  }

  onDrain(): void {}

  fail(error: DomainError): void {
    this.failure = error;
  }

  #apply({ revision, changes }: { revision: bigint; changes: { change?: { $case: string; value: unknown } | undefined }[] }): void {
    if (revision <= this.revision) return;
    this.revision = revision;
    for (const { change } of changes) {
      if (change?.$case === 'peer') this.peers.add((change.value as { nodeId: string }).nodeId);
      if (change?.$case === 'peerRemoved') this.peers.delete(change.value as string);
    }
  }

  #caughtUp(revision: bigint): void {
    this.revision = revision > this.revision ? revision : this.revision;
    this.complete = true;
  }
}

/** An agent that is longer to write to than a turn of the event loop may take. */
class LaboriousAgent extends Agent {
  override write(bytes: Uint8Array): boolean {
    for (const begun = performance.now(); performance.now() - begun < 5; );
    return super.write(bytes);
  }
}

/** An agent that takes what it is sent at first and then nothing more. */
class BlockedAgent extends Agent {
  override write(bytes: Uint8Array): boolean {
    super.write(bytes);
    return !this.complete;
  }
}

async function start(interconnection = true) {
  const services = await startServices({ cidr: '10.66.0.0/16' });
  if (!interconnection) {
    const record = NetworkRecord.fromPartial({ name: 'default', cidr: '10.66.0.0/16', mtu: 1280, interconnection });
    await services.store.txn({ if: [], then: [{ put: keys.network('default'), value: NetworkRecord.encode(record).finish() }] });
  }
  const facts = {
    epoch: 'e1',
    describe: (record: NetworkRecord) => NetworkConfig.fromPartial({ name: record.name, interconnection: record.interconnection }),
    bundle: () => TrustBundle.fromPartial({ version: 1 }),
    crl: () => new Uint8Array(),
    controlEndpoints: () => ['198.51.100.1:6440'],
  };
  const { clock, repository, store } = services;
  let feed = new MapFeed({ repository, facts, clock });
  /** The feed of a server that has just been started anew. */
  const restart = (): void => {
    feed.stop();
    feed = new MapFeed({ repository, facts, clock });
  };
  /** Revisions that are no business of any map. */
  const otherRevisions = async (count: number, events: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      const then = Array.from({ length: events }, (_, i) => ({ put: keys.presence('default', `x${i}`), value: PresenceRecord.encode(PresenceRecord.fromPartial({ nodeId: `x${i}`, sinceMs: n })).finish() }));
      await store.txn({ if: [], then });
    }
  };
  const text = await services.token({ maxUses: 0 });
  const join = async (): Promise<string> => (await services.register(text)).node.id;
  const watch = (nodeId: string, epoch = '', revision = 0n, agent = new Agent()): Agent => {
    feed.open(nodeId, agent, { epoch, revision });
    return agent;
  };
  const broadcast = (): Promise<void> => feed.broadcast({ $case: 'goAway', value: { reconnectWithinSeconds: 7 } });
  return { ...services, restart, otherRevisions, join, watch, broadcast };
}

describe('the feed', () => {
  it('serves nobody who is no member', async () => {
    const { watch } = await start();

    expect(() => watch('nobody')).toThrow(/unregistered/);
  });

  it('begins with the whole map, without the agent itself', async () => {
    const { join, watch } = await start();
    const [a, b, c] = [await join(), await join(), await join()];

    const agent = watch(a);

    await until(() => agent.complete);
    expect([...agent.peers].sort()).toEqual([b, c].sort());
    expect(agent.resets).toEqual([]);
  });

  it('tells of comings and goings in the order of their revisions', async () => {
    const { join, watch, nodes } = await start();
    const a = await join();
    const agent = watch(a);
    await until(() => agent.complete);

    const b = await join();
    await nodes.remove(b, 'default', 'UnregisterNode', ADMIN);
    const c = await join();

    await until(() => agent.peers.has(c));
    expect([...agent.peers]).toEqual([c]);
    const revisions = agent.messages.flatMap((message) => (message.$case === 'delta' ? [message.value.revision] : []));
    expect(revisions).toEqual([...revisions].sort((x, y) => Number(x - y)));
    expect(new Set(revisions).size).toBe(revisions.length);
  });

  it('resumes where the agent left off, without a new map', async () => {
    const { join, watch } = await start();
    const a = await join();
    const before = watch(a);
    await until(() => before.complete);
    const [b, c] = [await join(), await join()];

    const agent = watch(a, 'e1', before.messages.length > 0 ? before.revision - 2n : 0n);

    await until(() => agent.complete);
    expect(agent.messages.some((message) => message.$case === 'snapshot' || message.$case === 'reset')).toBe(false);
    await until(() => agent.peers.has(b) && agent.peers.has(c));
  });

  it('resumes after a restart, whatever else than the map has changed before and after it', async () => {
    const { join, watch, restart, otherRevisions, repository } = await start();
    const [a, b] = [await join(), await join()];
    const held = repository.view.rev;
    await otherRevisions(30, 100);
    const c = await join();
    await otherRevisions(30, 100);
    restart();
    await otherRevisions(3, 100);
    const d = await join();

    const agents = [a, b].map((id) => watch(id, 'e1', held));

    await until(() => agents.every((agent) => agent.complete));
    expect(agents.map(({ peers }) => [...peers])).toEqual([[c, d], [c, d]]);
    expect(agents.flatMap(({ messages }) => messages.map(({ $case }) => $case))).not.toContain('snapshot');
  });

  it('resumes an agent that comes with a revision older than the one before it had', async () => {
    const { join, watch, restart, repository } = await start();
    const a = await join();
    const held = repository.view.rev;
    const b = await join();
    const later = repository.view.rev;
    const c = await join();
    restart();

    const agents = [watch(a, 'e1', later), watch(a, 'e1', held), watch(a, 'e1', repository.view.rev)];

    await until(() => agents.every((agent) => agent.complete));
    expect(agents.map(({ peers }) => [...peers])).toEqual([[c], [b, c], []]);
    expect(agents.flatMap(({ resets }) => resets)).toEqual([]);
  });

  it.each([
    ['of another epoch', 'e0', 1n, 'epoch'],
    ['of a revision yet to come', 'e1', 10_000n, 'compacted'],
  ])('starts an agent over that holds a map %s', async (_what, epoch, revision, reason) => {
    const { join, watch } = await start();
    const [a, b] = [await join(), await join()];

    const agent = watch(a, epoch, revision);

    await until(() => agent.complete);
    expect(agent.resets).toEqual([reason]);
    expect([...agent.peers]).toEqual([b]);
  });

  it('starts an agent over whose revision is not kept any more', async () => {
    const { join, watch, store, repository, restart } = await start();
    const [a, b] = [await join(), await join()];
    await store.compact(repository.view.rev);
    restart();

    const agent = watch(a, 'e1', 1n);

    await until(() => agent.complete);
    expect(agent.resets).toEqual(['compacted']);
    expect([...agent.peers]).toEqual([b]);
  });

  it('ends the stream of a node that is unregistered', async () => {
    const { join, watch, nodes } = await start();
    const a = await join();
    const agent = watch(a);
    await until(() => agent.complete);

    await nodes.remove(a, 'default', 'UnregisterNode', ADMIN);

    expect(await until(() => agent.failure)).toMatchObject({ code: 'node_revoked' });
  });

  it('shows nodes of a network without interconnection nobody but themselves', async () => {
    const { join, watch } = await start(false);
    const [a] = [await join(), await join()];
    const agent = watch(a);
    await until(() => agent.complete);

    await join();
    await join();

    expect([...agent.peers]).toEqual([]);
  });

  it('reaches every one of many agents with every change', async () => {
    const { join, watch } = await start();
    const ids = [];
    for (let i = 0; i < 300; i++) ids.push(await join());
    const agents = ids.map((id) => watch(id));
    await until(() => agents.every((agent) => agent.complete));

    const late = await Promise.all(Array.from({ length: 10 }, () => join()));

    await until(() => agents.every((agent) => late.every((id) => agent.peers.has(id))), 'all agents');
    expect(agents.every((agent) => agent.peers.size === 309)).toBe(true);
  });

  it('lets others have the event loop between agents that are long to write to', async () => {
    const { join, watch, broadcast } = await start();
    const agents: Agent[] = [];
    for (let i = 0; i < 8; i++) agents.push(watch(await join(), '', 0n, new LaboriousAgent()));
    await until(() => agents.every((agent) => agent.complete));
    const served: number[] = [];
    const look = (): void => {
      served.push(agents.filter(({ messages }) => messages.at(-1)?.$case === 'goAway').length);
      if (served.at(-1)! < agents.length) setImmediate(look);
    };

    look();
    await broadcast();

    expect(served).toEqual(expect.arrayContaining([0, 1, 2, 3, 4, 5, 6, 7]));
  });

  it.each([
    [20, 1],
    [2_500, 1],
    [2_501, 2],
    [12_000, 2],
  ])('tells %i agents that nothing has happened every %i0 seconds', async (count, tens) => {
    const { join, watch, broadcast, clock } = await start();
    const id = await join();
    const agents = Array.from({ length: count }, () => watch(id));
    await until(() => agents.every((agent) => agent.complete));
    const progress = async (): Promise<number> => {
      clock.advance(10_000);
      // What is written before it is on its way when it is over.
      await broadcast();
      return agents.filter(({ messages }) => messages.at(-2)?.$case === 'progress').length;
    };

    for (let round = 0; round < 2; round++) {
      for (let ten = 1; ten < tens; ten++) expect(await progress()).toBe(0);
      expect(await progress()).toBe(count);
    }
  });

  it('has told all agents when a broadcast is over, but for those who are behind, whom nobody waits for', async () => {
    const { join, watch, broadcast } = await start();
    const ids = [];
    for (let i = 0; i < 40; i++) ids.push(await join());
    const agents = ids.map((id, i) => watch(id, '', 0n, i % 10 === 0 ? new BlockedAgent() : new LaboriousAgent()));
    await until(() => agents.every((agent) => agent.complete));

    await broadcast();

    const told = agents.filter(({ messages }) => messages.at(-1)?.$case === 'goAway');
    expect(told).toHaveLength(36);
    expect(told.some((agent) => agent instanceof BlockedAgent)).toBe(false);
  });
});
