import { describe, expect, it, onTestFinished } from 'vitest';
import { PresenceRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { silentLog } from '../../../src/platform/log.js';
import { AbsentNodes } from '../../../src/server/replicas/absent-nodes.js';
import { followPresence } from '../../../src/server/replicas/follow-presence.js';
import { PresenceBoard, STATE } from '../../../src/server/services/presence.js';
import { keys } from '../../../src/server/store/keys.js';
import { startServices } from '../../support/services.js';
import { until } from '../../support/until.js';

const GRACE_MS = 5_000;

/** Nodes, and what servers have written about them. */
async function start() {
  const services = await startServices();
  const { register, token, store, repository, clock } = services;
  const text = await token({ maxUses: 0 });
  const node = async (): Promise<string> => (await register(text)).node.id;
  const write = (nodeId: string, replica: string, state: number = STATE.connected) =>
    store.txn({ if: [], then: [{ put: keys.presence('default', nodeId), value: PresenceRecord.encode(PresenceRecord.fromPartial({ nodeId, replica, state, lastSeenMs: 7, endpoint: '192.0.2.1:1' })).finish() }] });
  const stored = (nodeId: string) => repository.view.presence('default', nodeId)?.value;
  const live = new Set(['here']);
  const watch = (): AbsentNodes => {
    const absent = new AbsentNodes({ repository, isLive: (id) => live.has(id), graceMs: GRACE_MS, clock, log: silentLog });
    onTestFinished(() => absent.stop());
    return absent;
  };
  /** The presence of another server on the same store. */
  const board = (replica: string, hears = true): PresenceBoard => {
    const made = new PresenceBoard({ store, clock, log: silentLog, replica, stored: (network, nodeId) => repository.view.presence(network, nodeId) });
    if (hears) followPresence(repository, made);
    onTestFinished(() => made.stop());
    return made;
  };
  return { ...services, node, write, stored, live, watch, board };
}

describe('the nodes of a server that is gone', () => {
  it('are not connected any more, those of a server that runs are', async () => {
    const { node, write, stored, watch, clock } = await start();
    const [lost, kept] = [await node(), await node()];
    await write(lost, 'gone');
    await write(kept, 'here');

    await watch().look();

    expect(stored(lost)).toMatchObject({ state: STATE.idle, sinceMs: clock.now(), lastSeenMs: 7, endpoint: '192.0.2.1:1' });
    expect(stored(kept)).toMatchObject({ state: STATE.connected, replica: 'here' });
  });

  it('have a moment for being seen by another one', async () => {
    const { node, write, stored, store, live, watch, clock } = await start();
    const [lost, moved] = [await node(), await node()];
    live.add('dies');
    for (const id of [lost, moved]) await write(id, 'dies');
    await store.txn({ if: [], then: [{ put: keys.replica('dies'), value: Buffer.from('') }] });
    const absent = watch();
    await absent.look();

    live.delete('dies');
    await store.txn({ if: [], then: [{ del: keys.replica('dies') }] });
    clock.advance(GRACE_MS - 1);
    expect(stored(lost)?.state).toBe(STATE.connected);
    await write(moved, 'here');
    clock.advance(1);

    await until(() => stored(lost)?.state === STATE.idle, 'the lost one to be written off');
    expect(stored(moved)).toMatchObject({ state: STATE.connected, replica: 'here' });
  });

  it('are written off in few revisions, however many they are, and once', async () => {
    const { node, write, stored, watch, repository } = await start();
    const ids: string[] = [];
    for (let n = 0; n < 130; n++) ids.push(await node());
    for (const id of ids) await write(id, 'gone');
    const before = repository.view.rev;

    const absent = watch();
    await absent.look();
    await absent.look();

    expect(ids.map((id) => stored(id)?.state)).toEqual(ids.map(() => STATE.idle));
    expect(repository.view.rev - before).toBe(2n);
  });
});

describe('what two servers write about one node', () => {
  it('is never that it has left, by the one that it has moved away from', async () => {
    const { node, stored, board, clock } = await start();
    const id = await node();
    const [one, two] = [board('one'), board('two')];
    one.streamOpened(id, 'default', '1');
    await one.flush();
    one.streamClosed(id);

    two.streamOpened(id, 'default', '1');
    await two.flush();
    clock.advance(5_000);
    await one.flush();
    await one.stop();

    expect(stored(id)).toMatchObject({ state: STATE.init, replica: 'two' });
    expect(one.of(id)).toBeUndefined();
  });

  it('is never that it has left, even by one that has not heard yet of the move', async () => {
    const { node, write, stored, board, clock, repository } = await start();
    const id = await node();
    const one = board('one', false);
    one.streamOpened(id, 'default', '1');
    await one.flush();
    one.streamClosed(id);
    await write(id, 'two');
    const before = repository.view.rev;

    clock.advance(5_000);
    await one.flush();
    await one.stop();

    expect(stored(id)).toMatchObject({ state: STATE.connected, replica: 'two' });
    expect(repository.view.rev).toBe(before);
  });

  it('is put right by the one that has it when the other one wrote it off', async () => {
    const { node, write, stored, board } = await start();
    const id = await node();
    const one = board('one');
    one.streamOpened(id, 'default', '1');
    await one.flush();

    await write(id, '', STATE.idle);
    await one.flush();

    await until(() => stored(id)?.state === STATE.init, 'it to be put right');
    expect(stored(id)?.replica).toBe('one');
  });

  it('is that it has left, by the one that had it last, of many at once', async () => {
    const { node, stored, board, clock } = await start();
    const one = board('one');
    const ids: string[] = [];
    for (let n = 0; n < 130; n++) ids.push(await node());
    for (const id of ids) one.streamOpened(id, 'default', '1');
    await one.flush();

    for (const id of ids) one.streamClosed(id);
    clock.advance(5_000);
    await one.flush();

    await until(() => ids.every((id) => stored(id)?.state === STATE.idle), 'all of them to be away');
  });
});
