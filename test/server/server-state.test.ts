import { createPrivateKey } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CaRecord } from '../../src/gen/networkcontroller/store/v1/records.js';
import { systemClock } from '../../src/platform/clock.js';
import { silentLog } from '../../src/platform/log.js';
import { initServer, openServerState } from '../../src/server/server-state.js';
import { keys } from '../../src/server/store/keys.js';
import { testConfig } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';

const DEPS = { clock: systemClock, log: silentLog };

/** What a started server finds in `dir`. */
async function opened(dir: string, settings: readonly string[] = []) {
  const state = await openServerState(testConfig(dir, settings), DEPS);
  const { view } = state.repository;
  const found = {
    clusterId: view.cluster()?.value.id,
    epoch: view.cluster()?.value.epoch,
    pins: state.pki.pins,
    wgPrivateKey: state.wgPrivateKey,
    isNew: state.isNew,
    networks: view.networks().map(({ value }) => value),
    nodes: view.networks().flatMap(({ value }) => [...view.nodesOf(value.name)].map((node) => node.value)),
  };
  await state.close();
  return found;
}

/** Every file below `dir` with its content, the database aside. */
function filesOf(dir: string): Map<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !entry.name.startsWith('nc.db'));
  return new Map(files.map((entry) => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name), 'utf8')]));
}

describe('initServer', () => {
  it('makes a cluster with a name of its own, and keys that nobody else can read', async () => {
    const dir = tmpDir();

    const { clusterId } = await initServer(testConfig(dir), DEPS);

    expect(clusterId).toMatch(/^[0-9a-f]{16}$/);
    expect(statSync(join(dir, 'work')).mode & 0o777).toBe(0o700);
    const secrets = [...filesOf(dir).keys()].filter((file) => file.endsWith('.key'));
    expect(secrets).toHaveLength(3);
    for (const file of [...secrets, join(dir, 'work', 'db', 'nc.db')]) expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('gives the controller the first host address of each network, in the reserved row', async () => {
    const dir = tmpDir();
    const settings = ['networkAddr: 10.1.1.1/24', 'networkAddr6: fd00:66::/64', 'networks: [{ name: lab, cidr: 10.67.0.0/30 }]'];
    await initServer(testConfig(dir, settings), DEPS);

    const { nodes } = await opened(dir, settings);

    expect(nodes.map(({ network, bindIp, bindIp6, reserved, tokenHash }) => ({ network, bindIp, bindIp6, reserved, token: String(tokenHash) }))).toEqual([
      { network: 'default', bindIp: '10.1.1.1', bindIp6: 'fd00:66::1', reserved: true, token: 'reserverd' },
      { network: 'lab', bindIp: '10.67.0.1', bindIp6: '', reserved: true, token: 'reserverd' },
    ]);
  });

  it('puts no private key into the database', async () => {
    const dir = tmpDir();
    await initServer(testConfig(dir), DEPS);

    const databases = readdirSync(join(dir, 'work', 'db')).map((name) => readFileSync(join(dir, 'work', 'db', name)));
    const keyFiles = [...filesOf(dir)].filter(([file]) => file.endsWith('.key')).map(([, text]) => text);

    for (const text of keyFiles) {
      const raw = text.includes('BEGIN') ? Buffer.from(createPrivateKey(text).export({ format: 'jwk' }).d ?? '', 'base64url') : Buffer.from(text.trim(), 'base64');
      expect(raw).toHaveLength(32);
      for (const database of databases) expect(database.includes(raw)).toBe(false);
    }
  });

  it('refuses a folder that holds a cluster, and changes nothing in it', async () => {
    const dir = tmpDir();
    await initServer(testConfig(dir), DEPS);
    const [files, before] = [filesOf(dir), await opened(dir)];

    const again = initServer(testConfig(dir, ['mtu: 1400', 'networks: [{ name: lab, cidr: 10.67.0.0/24 }]']), DEPS);

    await expect(again).rejects.toMatchObject({ code: 'already_initialised', message: expect.stringContaining(before.clusterId ?? '?') });
    expect(filesOf(dir)).toEqual(files);
    expect(await opened(dir)).toEqual(before);
  });

  it('refuses a folder that a running server uses', async () => {
    const dir = tmpDir();
    const state = await openServerState(testConfig(dir), DEPS);

    await expect(initServer(testConfig(dir), DEPS)).rejects.toMatchObject({ code: 'store_failed' });
    await state.close();
  });
});

describe('a first start that was cut short', () => {
  /** The folder as a crash at some moment leaves it: what came later than `last` is not there. */
  async function cutShort(isLater: (file: string) => boolean): Promise<string> {
    const dir = tmpDir();
    await initServer(testConfig(dir), DEPS);
    rmSync(join(dir, 'work', 'db'), { recursive: true });
    for (const file of filesOf(dir).keys()) if (isLater(file)) rmSync(file);
    return dir;
  }

  it.each([
    ['before anything but the folder was made', () => true],
    ['between the key of the first CA and its certificate', (file: string) => !file.endsWith('grpc-ca.g1.key')],
    ['between the two CAs', (file: string) => !file.includes('grpc-ca')],
    ['between the CAs and the WireGuard key', (file: string) => file.endsWith('wireguard.key')],
    ['before the cluster was recorded', () => false],
  ])('is finished by the next one: %s', async (_when, isLater) => {
    const dir = await cutShort(isLater);
    const left = filesOf(dir);

    const first = await opened(dir);
    const second = await opened(dir);

    expect(first).toMatchObject({ isNew: true, networks: [{ name: 'default' }], nodes: [{ reserved: true }] });
    expect(second).toEqual({ ...first, isNew: false });
    for (const [file, text] of left) expect(filesOf(dir).get(file)).toBe(text);
  });

  it('leaves no temporary file behind that the next one minds', async () => {
    const dir = tmpDir();
    mkdirSync(join(dir, 'work', 'pki'), { recursive: true, mode: 0o700 });
    writeFileSync(join(dir, 'work', 'pki', 'grpc-ca.g1.key.0123456789ab.tmp'), 'half a k', { mode: 0o600 });

    await expect(opened(dir)).resolves.toMatchObject({ isNew: true });
  });
});

describe('a start', () => {
  it('puts the CAs down in a store that knows nothing of them yet, once', async () => {
    const dir = tmpDir();
    await initServer(testConfig(dir), DEPS);
    const before = await openServerState(testConfig(dir), DEPS);
    await before.repository.update(() => ({ if: [], then: [keys.ca('grpc', 1), keys.ca('network', 1), keys.bundle(1)].map((del) => ({ del })), result: undefined }));
    await before.close();

    for (let time = 1; time <= 2; time++) {
      const { repository, pki, close } = await openServerState(testConfig(dir), DEPS);
      const { view } = repository;
      expect([...view.cas('grpc'), ...view.cas('network')].map(({ value }) => [value.generation, value.state])).toEqual([[1, 2], [1, 2]]);
      expect(view.bundles(0).map(({ value }) => value.version)).toEqual([1]);
      expect(pki.standing).toEqual({ grpc: { active: 1, trusted: [1] }, network: { active: 1, trusted: [1] } });
      await close();
    }
  });

  it('is refused when the key of a CA that the store names is gone', async () => {
    const dir = tmpDir();
    await initServer(testConfig(dir), DEPS);
    const state = await openServerState(testConfig(dir), DEPS);
    const record = { ...state.repository.view.cas('grpc')[0]!.value, generation: 2 };
    await state.repository.update(() => ({ if: [], then: [{ put: keys.ca('grpc', 2), value: CaRecord.encode(record).finish() }], result: undefined }));
    await state.close();

    await expect(opened(dir)).rejects.toMatchObject({ code: 'state_invalid', message: expect.stringContaining('generation 2') });
  });

  it.each(['pki/grpc-ca.g1.key', 'pki/network-ca.g1.key', 'wireguard.key'])('is refused when others may read %s', async (name) => {
    const dir = tmpDir();
    await initServer(testConfig(dir), DEPS);
    chmodSync(join(dir, 'work', name), 0o644);

    await expect(opened(dir)).rejects.toMatchObject({ code: 'key_file_unsafe', message: expect.stringContaining('chmod 600') });
  });

  it('is refused, and makes no second CA, when the CAs of its cluster are gone', async () => {
    const dir = tmpDir();
    await initServer(testConfig(dir), DEPS);
    rmSync(join(dir, 'work', 'pki'), { recursive: true });

    await expect(opened(dir)).rejects.toMatchObject({ code: 'not_initialised' });
    expect(existsSync(join(dir, 'work', 'pki'))).toBe(false);
  });

  it('is refused when a network would get other addresses', async () => {
    const dir = tmpDir();
    await initServer(testConfig(dir), DEPS);

    await expect(opened(dir, ['networkAddr: 10.99.0.0/24'])).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringContaining('10.99.0.0/24') });
    await expect(opened(dir)).resolves.toMatchObject({ networks: [{ cidr: '10.66.0.0/24' }] });
  });

  it('takes over other settings, adds networks, and keeps those that the file no longer names', async () => {
    const dir = tmpDir();
    await initServer(testConfig(dir), DEPS);

    await opened(dir, ['mtu: 1400', 'networks: [{ name: lab, cidr: 10.67.0.0/24 }]']);

    const { networks } = await opened(dir, ['mtu: 1400']);
    expect(networks.map(({ name, mtu }) => ({ name, mtu }))).toEqual([
      { name: 'default', mtu: 1400 },
      { name: 'lab', mtu: 1400 },
    ]);
  });
});
