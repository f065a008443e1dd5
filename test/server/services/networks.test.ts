import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { parseCidr4, parseCidr6 } from '../../../src/domain/cidr.js';
import { silentLog } from '../../../src/platform/log.js';
import type { NetworkSettings } from '../../../src/platform/config/server-config.js';
import { CONTROLLER_NAME, reconcileNetworks } from '../../../src/server/services/networks.js';
import { openStore } from '../../../src/server/store/open-store.js';
import { ManualClock } from '../../support/clock.js';
import { tmpDir } from '../../support/tmp-dir.js';

const DEFAULT: NetworkSettings = { name: 'default', cidr: parseCidr4('10.66.0.0/24'), cidr6: undefined, mtu: 1280, interconnection: true };
const CIDR6 = parseCidr6('fd00:66::/64');

async function start() {
  const clock = new ManualClock();
  const { repository, close } = await openStore({ file: join(tmpDir(), 'nc.db'), clock, log: silentLog });
  onTestFinished(close);
  const told: string[] = [];
  const log = { ...silentLog, info: (message: string) => void told.push(message) };
  const reconcile = (...wanted: NetworkSettings[]): Promise<void> => reconcileNetworks(repository, wanted, clock, log);
  return { view: repository.view, reconcile, told, clock };
}

it.each([
  ['another prefix', { cidr: parseCidr4('10.67.0.0/24') }, /10\.66\.0\.0\/24, the configuration says 10\.67\.0\.0\/24/],
  ['a wider prefix', { cidr: parseCidr4('10.66.0.0/16') }, /10\.66\.0\.0\/16/],
  ['IPv6 that it did not have', { cidr6: CIDR6 }, /fd00:66::\/64/],
])('refuses a network %s, which would cut off its nodes, and changes nothing', async (_what, change, message) => {
  const { view, reconcile } = await start();
  await reconcile(DEFAULT);
  const before = view.rev;

  await expect(reconcile({ ...DEFAULT, ...change, mtu: 1400 })).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringMatching(message) });

  expect(view.rev).toBe(before);
  expect(view.network('default')?.value.mtu).toBe(1280);
});

it('refuses to take IPv6 away from a network', async () => {
  const { reconcile } = await start();
  await reconcile({ ...DEFAULT, cidr6: CIDR6 });

  await expect(reconcile(DEFAULT)).rejects.toMatchObject({ code: 'config_invalid' });
});

it('writes nothing when everything is as configured', async () => {
  const { view, reconcile, told } = await start();
  await reconcile(DEFAULT, { ...DEFAULT, name: 'lab', cidr: parseCidr4('10.67.0.0/24') });
  const before = view.rev;

  await reconcile(DEFAULT, { ...DEFAULT, name: 'lab', cidr: parseCidr4('10.67.0.0/24') });

  expect(view.rev).toBe(before);
  expect(told).toEqual(['network added', 'network added']);
});

it('adds a network with the controller in its first address, which nobody else can have', async () => {
  const { view, reconcile, clock } = await start();

  await reconcile({ ...DEFAULT, cidr6: CIDR6 });

  const controller = view.nodeByName('default', CONTROLLER_NAME)?.value;
  expect(controller).toMatchObject({ bindIp: '10.66.0.1', bindIp6: 'fd00:66::1', reserved: true, staticAddress: true, createdAtMs: clock.now() });
  expect(view.address('default', '10.66.0.1')?.value.nodeId).toBe(controller?.id);
  expect(view.idleLongest('default', 10)).toEqual([]);
});

it.each([{ mtu: 1400 }, { interconnection: false }])('takes a changed setting over and keeps the rest: %j', async (change) => {
  const { view, reconcile, clock } = await start();
  await reconcile(DEFAULT);
  const before = view.network('default')?.value;
  clock.set(clock.now() + 1_000);

  await reconcile({ ...DEFAULT, ...change });

  expect(view.network('default')?.value).toEqual({ ...before, ...change });
  expect([...view.nodesOf('default')]).toHaveLength(1);
});

it('leaves a network alone that is not configured any more', async () => {
  const { view, reconcile } = await start();
  await reconcile(DEFAULT, { ...DEFAULT, name: 'lab', cidr: parseCidr4('10.67.0.0/24') });

  await reconcile(DEFAULT);

  expect(view.network('lab')).toBeDefined();
});
