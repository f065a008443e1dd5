import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { signingKeyIn } from '../../../src/server/dns/signing-key-file.js';
import { tmpDir } from '../../support/tmp-dir.js';

it('refuses a key that others may read, and one that is none', async () => {
  const path = join(tmpDir(), 'dnssec.key');
  await signingKeyIn(path);

  chmodSync(path, 0o644);
  await expect(signingKeyIn(path)).rejects.toMatchObject({ code: 'key_file_unsafe' });
  chmodSync(path, 0o600);
  writeFileSync(path, 'nothing');
  await expect(signingKeyIn(path)).rejects.toMatchObject({ code: 'state_invalid' });
  expect(readFileSync(path, 'utf8')).toBe('nothing');
});

it('makes the key once, for its owner alone', async () => {
  const path = join(tmpDir(), 'dnssec.key');

  const [first, second] = [await signingKeyIn(path), await signingKeyIn(path)];

  expect(second).toEqual(first);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
