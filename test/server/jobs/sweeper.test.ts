import { expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { Sweeper } from '../../../src/server/jobs/sweeper.js';
import { HighWaterClock } from '../../../src/server/services/high-water-clock.js';
import { ADMIN, startServices } from '../../support/services.js';

const KEEP_MS = 3_600_000;
const IDLE_MS = 60_000;

async function start() {
  const services = await startServices();
  const { clock, repository, nodes, revocations } = services;
  const trusted = new HighWaterClock(clock, repository);
  const settings = { intervalMs: 1e9, keepSpentMs: KEEP_MS, ephemeralIdleMs: IDLE_MS };
  const sweeper = new Sweeper({ repository, nodes, revocations, clock: trusted, timer: clock, log: silentLog, ...settings });
  onTestFinished(() => sweeper.stop());
  return { ...services, sweeper, trusted };
}

it('sweeps tokens whose time is long over, and gives back the addresses that were kept for them', async () => {
  const { token, sweeper, repository, clock } = await start();
  const id = (await token({ bindIp: '10.66.0.9' })).slice(0, 16);
  clock.set(clock.now() + 600_001);

  await sweeper.sweep();
  expect(repository.view.address('default', '10.66.0.9')).toBeUndefined();
  expect(repository.view.token(id)).toBeDefined();
  clock.set(clock.now() + KEEP_MS);
  await sweeper.sweep();

  expect(repository.view.token(id)).toBeUndefined();
});

it('leaves tokens alone that are good, and those without an end', async () => {
  const { token, sweeper, repository, clock } = await start();
  const good = (await token({ lifetimeMs: 10 * KEEP_MS })).slice(0, 16);
  const endless = (await token({ lifetimeMs: undefined, bindIp: '10.66.0.9' })).slice(0, 16);
  clock.set(clock.now() + 2 * KEEP_MS);

  await sweeper.sweep();

  expect(repository.view.token(good)).toBeDefined();
  expect(repository.view.token(endless)).toBeDefined();
  expect(repository.view.address('default', '10.66.0.9')).toBeDefined();
});

it('unregisters ephemeral nodes that have been away too long, and no others', async () => {
  const { token, register, sweeper, repository, clock, presence } = await start();
  const [away, here, ordinary] = [
    await register(await token({ ephemeral: true })),
    await register(await token({ ephemeral: true })),
    await register(await token()),
  ];
  presence.streamOpened(here.node.id, 'default', 'test');
  await presence.flush();
  clock.set(clock.now() + IDLE_MS + 1);

  await sweeper.sweep();

  expect(repository.view.nodeById(away.node.id)).toBeUndefined();
  expect(repository.view.nodeById(here.node.id)).toBeDefined();
  expect(repository.view.nodeById(ordinary.node.id)).toBeDefined();
});

it('a clock that is set back brings no token back, not even over a restart', async () => {
  const { token, sweeper, repository, clock, trusted, tokens } = await start();
  const id = (await token({ lifetimeMs: 600_000 })).slice(0, 16);
  clock.set(clock.now() + 700_000);
  await sweeper.sweep();

  clock.set(clock.now() - 650_000);

  expect(trusted.now()).toBeGreaterThanOrEqual(tokens.get(id).expiresAtMs);
  expect(new HighWaterClock(clock, repository).now()).toBeGreaterThanOrEqual(tokens.get(id).expiresAtMs);
});

it('names in the revocation list what was unregistered since', async () => {
  const { token, register, nodes, sweeper, repository } = await start();
  const { node } = await register(await token());
  await nodes.remove(node.id, 'default', 'UnregisterNode', ADMIN);

  await sweeper.sweep();

  expect(repository.view.crl()?.value.der.toString()).toContain(node.networkSerial);
});
