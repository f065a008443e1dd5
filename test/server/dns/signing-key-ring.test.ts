import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SigningKey } from '../../../src/platform/dns/dnssec/signing-key.js';
import { SigningKeyRing } from '../../../src/server/dns/signing-key-ring.js';
import { ManualClock } from '../../support/clock.js';
import { tmpDir } from '../../support/tmp-dir.js';

const DAY_MS = 86_400_000;

async function newRing() {
  const path = join(tmpDir(), 'dnssec.key');
  const clock = new ManualClock();
  return { path, clock, ring: await SigningKeyRing.open(path, clock), reopened: () => SigningKeyRing.open(path, clock) };
}

describe('a file of signing keys is refused', () => {
  it('when others may read it', async () => {
    const { path, reopened } = await newRing();
    chmodSync(path, 0o644);

    await expect(reopened()).rejects.toMatchObject({ code: 'key_file_unsafe' });
  });

  it.each([
    ['no key', 'nothing'],
    ['a retiring key alone', `retiring since 2026-01-01T00:00:00.000Z\n${SigningKey.generate()}`],
    ['two active keys', SigningKey.generate() + SigningKey.generate()],
    ['a key of another kind', '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIDn2oy1kDVBRNjA6ZJkq0tDPY0U7mQ3qHJ9Tt6bSdm0e\n-----END PRIVATE KEY-----\n'],
  ])('with %s, and stays as it is', async (_, text) => {
    const { path, reopened } = await newRing();
    writeFileSync(path, text);

    await expect(reopened()).rejects.toMatchObject({ code: 'state_invalid' });
    expect(readFileSync(path, 'utf8')).toBe(text);
  });
});

it('makes the key once, for its owner alone', async () => {
  const { path, ring, reopened } = await newRing();

  expect((await reopened()).pems).toEqual(ring.pems);
  expect(ring.keys).toMatchObject([{ state: 'active' }]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('reads a file that holds a key and nothing else', async () => {
  const { path, reopened } = await newRing();
  const pem = SigningKey.generate();
  writeFileSync(path, pem);

  expect((await reopened()).keys).toMatchObject([{ state: 'active', sinceMs: 0, pem }]);
});

describe('a change of keys', () => {
  it('cannot end before it has begun, nor begin twice', async () => {
    const { ring } = await newRing();

    await expect(ring.retire(false)).rejects.toMatchObject({ code: 'dns_key_not_ready', message: expect.stringContaining('dns key roll') as string });
    await expect(ring.retire(true)).rejects.toMatchObject({ code: 'dns_key_not_ready' });
    await ring.roll();
    await expect(ring.roll()).rejects.toMatchObject({ code: 'dns_key_not_ready', message: expect.stringContaining('dns key retire') as string });
    expect(ring.keys).toHaveLength(2);
  });

  it('lets both sign for a day, across a restart, and then the new one alone', async () => {
    const { clock, ring, reopened } = await newRing();
    const [old] = ring.pems;
    await ring.roll();
    const again = await reopened();
    expect(again.keys).toMatchObject([{ state: 'active' }, { state: 'retiring', pem: old }]);
    expect(again.retireAfterMs).toBe(clock.now() + DAY_MS);

    clock.advance(DAY_MS - 1);
    await expect(again.retire(false)).rejects.toMatchObject({ code: 'dns_key_not_ready', message: expect.stringContaining(new Date(again.retireAfterMs).toISOString()) as string });
    clock.advance(1);
    await again.retire(false);

    expect((await reopened()).keys).toEqual([{ ...again.keys[0], key: expect.anything() as SigningKey }]);
    expect(again.pems).not.toContain(old);
    expect(again.retireAfterMs).toBe(0);
  });

  it('does not wait when the older key is compromised', async () => {
    const { ring } = await newRing();
    const [old] = ring.pems;
    await ring.roll();

    await ring.retire(true);

    expect(ring.pems).toHaveLength(1);
    expect(ring.pems).not.toContain(old);
  });
});
