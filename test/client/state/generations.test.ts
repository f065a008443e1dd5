import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StateFolder } from '../../../src/client/state/state-folder.js';
import { silentLog } from '../../../src/platform/log.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { aMembership } from '../../support/membership.js';

describe('the state folder refuses', () => {
  it('to open a folder that others may enter', () => {
    const path = join(tmpDir(), 'state');
    mkdirSync(path);
    chmodSync(path, 0o755);

    expect(() => StateFolder.open(path, silentLog)).toThrow(expect.objectContaining({ code: 'key_file_unsafe', message: expect.stringContaining('chmod 700') }));
  });

  it.each(['grpc.key', 'network.key', 'wireguard.key', 'node.token'])('to read %s when others can', (file) => {
    const state = anOpenFolder();
    state.save(aMembership(1));
    chmodSync(join(state.path, 'current', file), 0o640);

    expect(() => state.membership()).toThrow(expect.objectContaining({ code: 'key_file_unsafe', message: expect.stringContaining(file) }));
  });

  it.each(['grpc.key', 'grpc.crt.der', 'bundle.pb', 'membership.json'])('to use a generation without its %s', (file) => {
    const state = anOpenFolder();
    state.save(aMembership(1));
    rmSync(join(state.path, 'current', file));

    expect(() => state.membership()).toThrow(expect.objectContaining({ code: 'state_invalid' }));
  });

  it('to use facts that are not what it wrote', () => {
    const state = anOpenFolder();
    state.save(aMembership(1));
    writeFileSync(join(state.path, 'current', 'membership.json'), '{"nodeId": 7}', { mode: 0o600 });

    expect(() => state.membership()).toThrow(expect.objectContaining({ code: 'state_invalid' }));
  });

  it('to call a link to nothing a node that has not joined', () => {
    const state = anOpenFolder();
    symlinkSync('gen-9', join(state.path, 'current'));

    expect(() => state.membership()).toThrow(expect.objectContaining({ code: 'state_invalid' }));
  });
});

describe('the state folder', () => {
  it('knows no membership before the first join', () => {
    expect(anOpenFolder().membership()).toBeUndefined();
  });

  it('gives back what was saved', () => {
    const state = anOpenFolder();

    state.save(aMembership(1));

    expect(state.membership()).toEqual(aMembership(1));
  });

  it('lets nobody but the owner near any file, whatever the umask', () => {
    const before = process.umask(0);
    const state = anOpenFolder();
    state.keysForJoin('0011223344556677', () => aMembership(1).keys);
    state.save(aMembership(1));
    state.saveKnownEndpoints({ control: [], lastControl: '', direct: {}, listenPort: 0, awake: [] });
    process.umask(before);

    for (const name of readdirSync(state.path, { recursive: true, encoding: 'utf8' })) {
      expect([name, statSync(join(state.path, name)).mode & 0o077]).toEqual([name, 0]);
    }
  });

  it('keeps the generation before the current one for whoever reads it now, and none older', () => {
    const state = anOpenFolder();

    for (const serial of [1, 2, 3, 4]) state.save(aMembership(serial));

    expect(readdirSync(state.path).filter((name) => name.startsWith('gen-'))).toEqual(['gen-3', 'gen-4']);
    expect(state.membership()).toEqual(aMembership(4));
  });

  it('keeps the keys of a join under way for the same token and makes others for another', () => {
    const state = anOpenFolder();
    const first = state.keysForJoin('0000000000000001', () => aMembership(1).keys);

    expect(state.keysForJoin('0000000000000001', () => aMembership(2).keys)).toEqual(first);
    expect(state.keysForJoin('0000000000000002', () => aMembership(2).keys)).toEqual(aMembership(2).keys);
  });

  it('forgets the keys of a join once its generation is current', () => {
    const state = anOpenFolder();
    state.keysForJoin('0000000000000001', () => aMembership(1).keys);

    state.save(aMembership(1));

    expect(readdirSync(state.path).sort()).toEqual(['current', 'gen-1']);
  });

  it('leaves nothing when it is destroyed, and does not mind being destroyed twice', () => {
    const parent = tmpDir();
    const state = StateFolder.open(join(parent, 'state'), silentLog);
    state.save(aMembership(1));

    state.destroy();
    state.destroy();

    expect(readdirSync(parent)).toEqual([]);
  });
});

function anOpenFolder(): StateFolder {
  return StateFolder.open(join(tmpDir(), 'state'), silentLog);
}
