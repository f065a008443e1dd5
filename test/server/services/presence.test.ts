import { describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { PresenceBoard, STATE } from '../../../src/server/services/presence.js';
import { keys } from '../../../src/server/store/keys.js';
import type { Store } from '../../../src/server/store/store.js';
import { recordingLog } from '../../support/recording-log.js';
import { ADMIN, startServices } from '../../support/services.js';
import { until } from '../../support/until.js';

async function start() {
  const services = await startServices();
  const { node } = await services.register(await services.token());
  const open = (version = '1'): void => services.presence.streamOpened(node.id, 'default', version);
  const stored = () => services.repository.view.presence('default', node.id)?.value;
  return { ...services, node, id: node.id, open, stored };
}

describe('signs of life of a node without a stream', () => {
  it('count for nothing', async () => {
    const { presence, id } = await start();

    presence.tunnelSeen(id);
    presence.tunnelLost(id);
    presence.endpointSeen(id, '198.51.100.1:1');
    presence.seen(id);
    presence.streamClosed(id);

    expect(presence.of(id)).toBeUndefined();
    expect(presence.isHere(id)).toBe(false);
  });
});

describe('a node', () => {
  it('is waiting with a stream, connected with a tunnel, waiting when the tunnel is lost', async () => {
    const { presence, id, open } = await start();

    open();
    expect(presence.of(id)?.state).toBe(STATE.init);
    presence.tunnelSeen(id);
    expect(presence.of(id)?.state).toBe(STATE.connected);
    presence.tunnelLost(id);
    expect(presence.of(id)?.state).toBe(STATE.init);
  });

  it('whose stream breaks stays connected for five seconds, then is idle', async () => {
    const { presence, clock, id, open } = await start();
    open();
    presence.tunnelSeen(id);

    presence.streamClosed(id);
    clock.advance(4_999);
    expect(presence.of(id)?.state).toBe(STATE.connected);
    expect(presence.isHere(id)).toBe(true);
    clock.advance(1);

    expect(presence.of(id)?.state).toBe(STATE.idle);
    expect(presence.isHere(id)).toBe(false);
  });

  it('that comes back in time was never away', async () => {
    const { presence, clock, id, open } = await start();
    open();
    presence.tunnelSeen(id);
    const since = presence.of(id)?.sinceMs;

    presence.streamClosed(id);
    clock.advance(3_000);
    open();
    clock.advance(6_000);

    expect(presence.of(id)).toMatchObject({ state: STATE.connected, sinceMs: since });
  });

  it('with two streams is there until both are gone', async () => {
    const { presence, clock, id, open } = await start();
    open();
    open();

    presence.streamClosed(id);
    clock.advance(6_000);
    expect(presence.of(id)?.state).toBe(STATE.init);
    presence.streamClosed(id);
    clock.advance(6_000);

    expect(presence.of(id)?.state).toBe(STATE.idle);
  });

  it('that left was last seen when its stream ended, not when it was given up', async () => {
    const { presence, clock, id, open } = await start();
    open();
    clock.advance(1_000);
    const ended = clock.now();

    presence.streamClosed(id);
    clock.advance(6_000);

    expect(presence.of(id)?.lastSeenMs).toBe(ended);
  });

  it('that left needs a new handshake to be connected again', async () => {
    const { presence, clock, id, open } = await start();
    open();
    presence.tunnelSeen(id);
    presence.streamClosed(id);
    clock.advance(6_000);

    open();

    expect(presence.of(id)?.state).toBe(STATE.init);
  });

  it('that is forgotten while leaving does not come back as idle', async () => {
    const { presence, clock, id, open, stored } = await start();
    open();
    presence.streamClosed(id);

    presence.forget(id);
    clock.advance(6_000);
    await presence.flush();

    expect(presence.of(id)).toBeUndefined();
    expect(stored()).toBeUndefined();
  });
});

describe('the store', () => {
  it('hears of a change and not of a heartbeat', async () => {
    const { presence, id, open, stored, repository } = await start();
    open('2.1.0');
    await presence.flush();
    await until(() => stored());
    const before = repository.view.rev;

    presence.seen(id);
    presence.endpointSeen(id, '198.51.100.1:1');
    open('2.1.0');
    await presence.flush();

    expect(stored()).toMatchObject({ state: STATE.init, replica: 'r1', version: '2.1.0' });
    expect(repository.view.rev).toBe(before);
  });

  it('hears of a change by itself, a moment later', async () => {
    const { clock, open, stored } = await start();
    open();

    clock.advance(200);

    expect(await until(() => stored())).toMatchObject({ state: STATE.init });
  });

  it('that fails is tried again, and the log says so', async () => {
    const { store, clock, node, repository } = await start();
    const { log, warnings } = recordingLog();
    let broken = true;
    const txn: Store['txn'] = (...args) => (broken ? Promise.reject(new Error('disk full')) : store.txn(...args));
    const failing: Store = Object.assign(Object.create(store), { txn });
    const board = new PresenceBoard({ store: failing, clock, log, replica: 'r1' });
    board.streamOpened(node.id, 'default', '1');

    await board.flush();
    expect(warnings).toEqual([{ message: expect.stringContaining('presence'), fields: { nodes: 1, error: 'Error: disk full' } }]);
    broken = false;
    await board.flush();

    await until(() => repository.view.presence('default', node.id));
    await board.stop();
  });

  it('is told of many nodes in one revision, and of all but the one that was unregistered by another replica', async () => {
    const { store, clock, nodes, register, token, repository } = await start();
    const text = await token({ maxUses: 0 });
    const ids: string[] = [];
    for (let n = 0; n < 150; n++) ids.push((await register(text)).node.id);
    const board = new PresenceBoard({ store, clock, log: silentLog, replica: 'r2' });
    for (const id of ids) board.streamOpened(id, 'default', '1');
    const before = repository.view.rev;

    await board.flush();
    expect(repository.view.rev).toBe(before + 2n);
    for (const id of ids) board.tunnelSeen(id);
    await nodes.remove(ids[70]!, 'default', 'UnregisterNode', ADMIN);
    await board.flush();

    const connected = ids.filter((id) => repository.view.presence('default', id)?.value.state === STATE.connected);
    expect(connected).toEqual(ids.filter((id) => id !== ids[70]));
    await board.stop();
  });

  it('is not told of a node that was unregistered by another replica', async () => {
    const { store, clock, nodes, id, repository } = await start();
    const other = new PresenceBoard({ store, clock, log: silentLog, replica: 'r2' });
    other.streamOpened(id, 'default', '1');

    await nodes.remove(id, 'default', 'UnregisterNode', ADMIN);
    await other.flush();

    expect(await store.get(keys.presence('default', id))).toBeUndefined();
    expect(repository.view.presence('default', id)).toBeUndefined();
    await other.stop();
  });

  it('is told everybody’s last sight at the end', async () => {
    const { presence, clock, id, open, stored } = await start();
    open();
    await presence.flush();
    clock.set(clock.now() + 60_000);
    presence.endpointSeen(id, '198.51.100.1:9');

    await presence.stop();

    expect(await until(() => stored()?.lastSeenMs === clock.now() && stored())).toMatchObject({ endpoint: '198.51.100.1:9' });
  });
});
