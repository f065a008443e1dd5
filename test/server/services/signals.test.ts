import { describe, expect, it, onTestFinished } from 'vitest';
import { PeerSignal, PeerSignal_Kind, WatchResponse } from '../../../src/gen/networkcontroller/v1/node.js';
import { Endpoint_Kind, NetworkConfig, TrustBundle } from '../../../src/gen/networkcontroller/v1/types.js';
import { NetworkRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { MapFeed } from '../../../src/server/feed/map-feed.js';
import { Signals } from '../../../src/server/services/signals.js';
import { keys } from '../../../src/server/store/keys.js';
import { ADMIN, startServices } from '../../support/services.js';
import { until } from '../../support/until.js';

const SEEN = '203.0.113.5:41000';

async function start() {
  const services = await startServices();
  const { repository, clock, store } = services;
  const putNetwork = (name: string, cidr: string, interconnection = true) => {
    const record = NetworkRecord.fromPartial({ name, cidr, mtu: 1280, interconnection });
    return store.txn({ if: [], then: [{ put: keys.network(name), value: NetworkRecord.encode(record).finish() }] });
  };
  await putNetwork('lab', '10.67.0.0/24');
  await until(() => repository.view.network('lab'));
  const facts = {
    epoch: 'e1',
    describe: (record: NetworkRecord) => NetworkConfig.fromPartial({ name: record.name }),
    bundle: () => TrustBundle.fromPartial({}),
    crl: () => new Uint8Array(),
    controlEndpoints: () => [],
  };
  const feed = new MapFeed({ repository, facts, clock });
  onTestFinished(() => feed.stop());
  const reflexive = new Map<string, string>();
  const signals = new Signals({ repository, feed, reflexive: (nodeId) => reflexive.get(nodeId) });
  const node = async (network = 'default'): Promise<string> => (await services.register(await services.token({ network }))).node.id;
  /** What a node is told of one kind, from now on. */
  const listenFor = (nodeId: string, kind: 'signal' | 'reflexive') => {
    const told: unknown[] = [];
    const write = (bytes: Uint8Array): boolean => {
      const { message } = WatchResponse.decode(bytes);
      if (message?.$case === kind) told.push(message.value);
      return true;
    };
    feed.open(nodeId, { write, onDrain() {}, fail() {} }, { epoch: '', revision: 0n });
    return told;
  };
  const listen = (nodeId: string) => listenFor(nodeId, 'signal') as PeerSignal[];
  return { ...services, putNetwork, signals, reflexive, node, listen, listenFor };
}

const offer = (nodeId: string, candidates: { address: string; kind: Endpoint_Kind }[] = []): PeerSignal =>
  PeerSignal.fromPartial({ nodeId, kind: PeerSignal_Kind.KIND_OFFER, attempt: 1, candidates });
const local = (n: number) => ({ address: `192.0.2.1:${n}`, kind: Endpoint_Kind.KIND_LOCAL });

describe('a signal is undelivered', () => {
  it('to a node of another network, though it listens', async () => {
    const { signals, node, listen } = await start();
    const [from, foreign] = [await node(), await node('lab')];
    const told = listen(foreign);

    expect(signals.pass(from, 'default', [offer(foreign)])).toEqual([foreign]);

    await new Promise(setImmediate);
    expect(told).toEqual([]);
  });

  it('to anybody in a network without interconnection', async () => {
    const { signals, node, listen, putNetwork, repository } = await start();
    const [from, to] = [await node(), await node()];
    listen(to);

    await putNetwork('default', '10.66.0.0/24', false);
    await until(() => repository.view.network('default')?.value.interconnection === false);

    expect(signals.pass(from, 'default', [offer(to)])).toEqual([to]);
  });

  it('to its own sender, to a stranger, and to who does not listen', async () => {
    const { signals, node, listen } = await start();
    const [from, deaf] = [await node(), await node()];
    listen(from);

    expect(signals.pass(from, 'default', [offer(from), offer('nobody'), offer(deaf)])).toEqual([from, 'nobody', deaf]);
  });

  it('to a node that was unregistered', async () => {
    const { signals, node, listen, nodes } = await start();
    const [from, gone] = [await node(), await node()];
    listen(gone);
    await nodes.remove(gone, 'default', 'UnregisterNode', ADMIN);

    expect(signals.pass(from, 'default', [offer(gone)])).toEqual([gone]);
  });
});

describe('signals', () => {
  it('are refused when there are more than 512 at once, and none is delivered', async () => {
    const { signals, node, listen } = await start();
    const [from, to] = [await node(), await node()];
    const told = listen(to);

    expect(() => signals.pass(from, 'default', Array.from({ length: 513 }, () => offer(to)))).toThrow(expect.objectContaining({ code: 'invalid_argument' }));

    await new Promise(setImmediate);
    expect(told).toEqual([]);
  });

  it('name their sender and not whom they were for', async () => {
    const { signals, node, listen } = await start();
    const [from, to] = [await node(), await node()];
    const told = listen(to);

    expect(signals.pass(from, 'default', [offer(to, [local(1)])])).toEqual([]);

    await until(() => told.length === 1);
    expect(told[0]).toMatchObject({ nodeId: from, kind: PeerSignal_Kind.KIND_OFFER, attempt: 1, candidates: [local(1)] });
  });

  it('carry the source that the controller saw, and not the one that the sender claims', async () => {
    const { signals, node, listen, reflexive } = await start();
    const [from, to] = [await node(), await node()];
    const told = listen(to);
    reflexive.set(from, SEEN);

    signals.pass(from, 'default', [offer(to, [{ address: '198.51.100.66:53', kind: Endpoint_Kind.KIND_REFLEXIVE }, local(1)])]);

    await until(() => told.length === 1);
    expect(told[0]?.candidates).toEqual([local(1), { address: SEEN, kind: Endpoint_Kind.KIND_REFLEXIVE }]);
  });

  it('carry sixteen candidates and the one that was seen, however many are claimed', async () => {
    const { signals, node, listen, reflexive } = await start();
    const [from, to] = [await node(), await node()];
    const told = listen(to);
    reflexive.set(from, SEEN);

    signals.pass(from, 'default', [offer(to, Array.from({ length: 300 }, (_, n) => local(n)))]);

    await until(() => told.length === 1);
    expect(told[0]?.candidates).toEqual([...Array.from({ length: 16 }, (_, n) => local(n)), { address: SEEN, kind: Endpoint_Kind.KIND_REFLEXIVE }]);
  });
});

describe('a node that connects', () => {
  it('is not told where it is seen before it has been', async () => {
    const { signals, node, listenFor } = await start();
    const self = await node();
    const told = listenFor(self, 'reflexive');

    signals.welcome(self);

    await new Promise(setImmediate);
    expect(told).toEqual([]);
  });

  it('is told where it is seen, and nobody else is', async () => {
    const { signals, node, listenFor, reflexive } = await start();
    const [self, other] = [await node(), await node()];
    reflexive.set(self, SEEN);
    const [told, overheard] = [listenFor(self, 'reflexive'), listenFor(other, 'reflexive')];

    signals.welcome(self);

    await until(() => told.length === 1);
    expect(told).toEqual([{ address: SEEN, kind: Endpoint_Kind.KIND_REFLEXIVE }]);
    expect(overheard).toEqual([]);
  });
});
