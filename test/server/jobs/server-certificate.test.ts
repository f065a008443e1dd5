import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createPki } from '../../../src/server/pki/pki.js';
import { silentLog } from '../../../src/platform/log.js';
import { ServerIdentity } from '../../../src/server/jobs/server-certificate.js';
import { ManualClock } from '../../support/clock.js';
import { tmpDir } from '../../support/tmp-dir.js';

async function start() {
  const clock = new ManualClock();
  const pki = await createPki({ dir: join(tmpDir(), 'pki'), clusterId: 'c1', nowMs: clock.now() });
  const identity = new ServerIdentity({ pki, hosts: ['192.0.2.1', 'nc.example'], clock, log: silentLog });
  onTestFinished(() => identity.stop());
  const shown = (which: 'bootstrap' | 'control') => new X509Certificate(String(identity[which].options.cert));
  const lifetimeMs = Date.parse(shown('control').validTo) - clock.now();
  /** Lets the next check come at `nowMs`. */
  const checkAt = (nowMs: number): void => {
    clock.set(nowMs);
    clock.advance(60_000);
  };
  return { clock, identity, shown, lifetimeMs, begin: clock.now(), checkAt };
}

it('asks nobody for a certificate at the bootstrap listener, and everybody at the control listener', async () => {
  const { identity } = await start();

  expect(identity.bootstrap.options).toMatchObject({ requestCert: false, minVersion: 'TLSv1.3' });
  expect(identity.control.options).toMatchObject({ requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' });
});

it('shows the same certificate at both, for all its hosts', async () => {
  const { shown } = await start();

  expect(shown('control').serialNumber).toBe(shown('bootstrap').serialNumber);
  expect(shown('control').subjectAltName).toMatch(/192\.0\.2\.1/);
  expect(shown('control').checkHost('nc.example')).toBe('nc.example');
});

it('keeps its certificate until two thirds of its life are over', async () => {
  const { shown, checkAt, begin, lifetimeMs } = await start();
  const { serialNumber } = shown('control');

  checkAt(begin + Math.floor((lifetimeMs * 2) / 3) - 120_000);

  expect(shown('control').serialNumber).toBe(serialNumber);
});

it('shows a new one at both listeners from then on, with a key of its own, good for a whole life', async () => {
  const { shown, checkAt, begin, lifetimeMs, identity, clock } = await start();
  const before = shown('control');
  const keyBefore = identity.control.options.key;
  let exchanges = 0;
  identity.bootstrap.onRotate(() => exchanges++);
  identity.control.onRotate(() => exchanges++);

  checkAt(begin + Math.ceil((lifetimeMs * 2) / 3));

  expect(exchanges).toBe(2);
  expect(shown('control').serialNumber).not.toBe(before.serialNumber);
  expect(shown('bootstrap').serialNumber).toBe(shown('control').serialNumber);
  expect(identity.control.options.key).not.toBe(keyBefore);
  expect(Date.parse(shown('control').validTo) - clock.now()).toBeGreaterThanOrEqual(lifetimeMs - 61_000);
  expect(identity.control.options).toMatchObject({ requestCert: true });
});

it('renews no more once it is stopped', async () => {
  const { shown, checkAt, begin, lifetimeMs, identity } = await start();
  const { serialNumber } = shown('control');

  identity.stop();
  checkAt(begin + lifetimeMs);

  expect(shown('control').serialNumber).toBe(serialNumber);
});
