import { appendFileSync, mkdirSync, readFileSync, rmdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MapKeeper } from '../../src/client/map-keeper.js';
import { MapStore } from '../../src/client/map-store.js';
import { StateFolder } from '../../src/client/state/state-folder.js';
import { MapSnapshot, type MapDelta } from '../../src/gen/networkcontroller/v1/node.js';
import { Peer } from '../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../src/platform/log.js';
import { ManualClock } from '../support/clock.js';
import { tmpDir } from '../support/tmp-dir.js';

describe('of the changes on disk nothing is read', () => {
  it('that belongs to another map', () => {
    const node = aNode();
    node.add('n4');
    const journal = readFileSync(node.journal);
    node.state.saveMap(MapSnapshot.fromPartial({ epoch: 'e2', revision: 1n, network: {}, last: true }));
    writeFileSync(node.journal, journal, { mode: 0o600 });

    expect(node.state.mapJournal.read()).toEqual([]);
  });

  it('when the map itself is damaged', () => {
    const node = aNode();
    node.add('n4');
    truncateSync(node.map, 60);

    expect(node.state.map()).toBeUndefined();
    expect(node.state.mapJournal.read()).toEqual([]);
  });

  it.each([
    ['torn', (path: string) => truncateSync(path, statSync(path).size - 3)],
    ['torn in its length', (path: string) => appendFileSync(path, Buffer.from([9, 0]))],
    ['damaged', flipLastBit],
    ['followed by what a power failure left', (path: string) => appendFileSync(path, Buffer.alloc(4096))],
  ])('behind an entry that is %s, and all before it is', (_how, damage) => {
    const node = aNode();
    node.add('n4');
    node.add('n5');
    damage(node.journal);

    expect(node.readAgain().slice(0, 3)).toEqual(['n2', 'n3', 'n4']);
  });

  it('once the network is forgotten', () => {
    const node = aNode();
    node.add('n4');

    node.state.forgetNetwork();

    expect(node.state.mapJournal.read()).toEqual([]);
  });
});

describe('a change of one node', () => {
  it('is on disk at once, without the map being written again', () => {
    const node = aNode();
    const before = readFileSync(node.map);

    node.add('n4');
    node.remove('n2');

    expect(node.readAgain()).toEqual(['n3', 'n4']);
    expect(readFileSync(node.map)).toEqual(before);
  });

  it('has the map written whole when it is the first that an agent takes, for it may stand behind a torn one', () => {
    const node = aNode();
    node.add('n4');
    truncateSync(node.journal, statSync(node.journal).size - 3);

    const next = aNode(node.state);
    next.add('n5');
    next.clock.advance(2000);

    expect(next.readAgain()).toEqual(['n2', 'n3', 'n5']);
    expect(next.state.mapJournal.bytes).toBe(0);
  });

  it('has the map written whole when the changes have become many', () => {
    const node = aNode();
    const big = Buffer.alloc(1024 * 1024, 1);

    for (let n = 0; n < 6; n++) node.add(`big-${n}`, big);
    const grown = node.state.mapJournal.bytes;
    node.clock.advance(2000);

    expect(grown).toBeGreaterThan(4 * 1024 * 1024);
    expect(node.state.mapJournal.bytes).toBe(0);
    expect(node.readAgain()).toHaveLength(8);
  });

  it('has the map written whole when it could not be appended', () => {
    const node = aNode();
    node.add('n4');
    // Root may write whatever the mode is, so a folder stands in the way.
    node.blockJournal();

    node.add('n5');
    node.unblockJournal();
    node.clock.advance(2000);

    expect(node.readAgain()).toEqual(['n2', 'n3', 'n4', 'n5']);
  });

  it('is readable for its owner alone', () => {
    const node = aNode();

    node.add('n4');

    expect(statSync(node.journal).mode & 0o077).toBe(0);
  });
});

interface TestedNode {
  readonly state: StateFolder;
  readonly clock: ManualClock;
  readonly map: string;
  readonly journal: string;
  add(nodeId: string, networkCertificate?: Uint8Array): void;
  remove(nodeId: string): void;
  blockJournal(): void;
  unblockJournal(): void;
  /** The peers that an agent finds that starts now. */
  readAgain(): string[];
}

/** Without `state`, a node whose map with n2 and n3 has been written; with it, an agent that starts from that. */
function aNode(state?: StateFolder): TestedNode {
  const folder = state ?? StateFolder.open(join(tmpDir(), 'state'), silentLog);
  const clock = new ManualClock();
  const maps = aStore(clock);
  const keeper = new MapKeeper(folder, clock, silentLog, () => maps.toSnapshot());
  if (state === undefined) {
    maps.applySnapshot(MapSnapshot.fromPartial({ epoch: 'e1', revision: 1n, network: { name: 'default' }, peers: [aPeer('n2'), aPeer('n3')], last: true }));
    keeper.replaced();
    keeper.flush();
  } else {
    load(maps, folder);
  }
  const journal = join(folder.path, 'map.journal');
  const take = (changes: MapDelta['changes']): void => {
    const delta = { revision: maps.position().revision + 1n, changes };
    if (maps.applyDelta(delta)) keeper.changed(delta);
  };
  return {
    state: folder,
    clock,
    map: join(folder.path, 'map.bin'),
    journal,
    add: (nodeId, networkCertificate) => take([{ change: { $case: 'peer', value: aPeer(nodeId, networkCertificate) } }]),
    remove: (nodeId) => take([{ change: { $case: 'peerRemoved', value: nodeId } }]),
    blockJournal: () => block(folder, journal),
    unblockJournal: () => rmdirSync(journal),
    readAgain: () => {
      const next = aStore(clock);
      load(next, folder);
      return next.current()!.peers.map(({ nodeId }) => nodeId);
    },
  };
}

function load(maps: MapStore, state: StateFolder): void {
  maps.applySnapshot(state.map()!);
  for (const delta of state.mapJournal.read()) maps.applyDelta(delta);
}

function aStore(clock: ManualClock): MapStore {
  return new MapStore({ nodeId: 'self', trust: { verify: () => Infinity, verifyRelay: () => Infinity, takeBundle: () => false, takeCrl: () => false }, clock, log: silentLog });
}

function aPeer(nodeId: string, networkCertificate: Uint8Array = Buffer.alloc(0)): Peer {
  return Peer.fromPartial({ nodeId, networkCertificate: Buffer.from(networkCertificate) });
}

function flipLastBit(path: string): void {
  const content = readFileSync(path);
  content[content.length - 1]! ^= 1;
  writeFileSync(path, content);
}

function block(state: StateFolder, journal: string): void {
  state.mapJournal.begin();
  mkdirSync(journal);
}
