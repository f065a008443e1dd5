import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StateFolder } from '../../../src/client/state/state-folder.js';
import { withControlList } from '../../../src/client/state/known-endpoints.js';
import { MapSnapshot } from '../../../src/gen/networkcontroller/v1/node.js';
import { silentLog } from '../../../src/platform/log.js';
import { tmpDir } from '../../support/tmp-dir.js';

describe('the cached map', () => {
  it.each([
    ['cut short', (path: string) => truncateSync(path, 60)],
    ['emptied', (path: string) => truncateSync(path, 0)],
    ['of another program', (path: string) => writeFileSync(path, 'not a map at all, whatever it may look like to a reader in a hurry')],
    ['with one bit turned', flipLastBit],
  ])('is put aside and missed by nobody when it is %s', (_how, damage) => {
    const state = StateFolder.open(join(tmpDir(), 'state'), silentLog);
    state.saveMap(aMap());
    damage(join(state.path, 'map.bin'));

    expect(state.map()).toBeUndefined();
    expect(existsSync(join(state.path, 'map.bin.damaged'))).toBe(true);
    expect(existsSync(join(state.path, 'map.bin'))).toBe(false);
  });

  it('is read back as it was saved', () => {
    const state = StateFolder.open(join(tmpDir(), 'state'), silentLog);

    state.saveMap(aMap());

    expect(state.map()).toEqual(aMap());
  });

  it('is forgotten with its network', () => {
    const state = StateFolder.open(join(tmpDir(), 'state'), silentLog);
    state.saveMap(aMap());

    state.forgetNetwork();

    expect(state.map()).toBeUndefined();
  });
});

describe('the known endpoints', () => {
  it('are put aside when the file is damaged', () => {
    const state = StateFolder.open(join(tmpDir(), 'state'), silentLog);
    writeFileSync(join(state.path, 'endpoints.json'), '{"control": 7}');

    expect(state.knownEndpoints()).toEqual({ control: [], lastControl: '', direct: {}, listenPort: 0, awake: [] });
    expect(existsSync(join(state.path, 'endpoints.json.damaged'))).toBe(true);
  });

  it('know the port of an interface since versions that did not write it', () => {
    const state = StateFolder.open(join(tmpDir(), 'state'), silentLog);
    writeFileSync(join(state.path, 'endpoints.json'), '{"control": [], "lastControl": "a:1", "direct": {}}');

    expect(state.knownEndpoints()).toEqual({ control: [], lastControl: 'a:1', direct: {}, listenPort: 0, awake: [] });
  });

  it('keep the last three lists, newest first, each once', () => {
    let known = { control: [], lastControl: '', direct: {}, listenPort: 0, awake: [] } as Parameters<typeof withControlList>[0];

    for (const list of [['a:1'], ['b:1'], ['c:1'], ['b:1'], ['d:1'], []]) known = withControlList(known, list);

    expect(known.control).toEqual([['d:1'], ['b:1'], ['c:1']]);
  });
});

function aMap(): MapSnapshot {
  return MapSnapshot.fromPartial({ epoch: 'e1', revision: 7n, peers: [{ nodeId: 'n2', name: 'web-2', bindIp: '10.66.0.6' }], last: true });
}

function flipLastBit(path: string): void {
  const content = readFileSync(path);
  content[content.length - 1]! ^= 1;
  writeFileSync(path, content);
}
