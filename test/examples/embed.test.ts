import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { embed } from '../../examples/embed.js';
import { tmpDir } from '../support/tmp-dir.js';

it('starts a controller and joins a node in one process through the public API', async () => {
  expect(await embed(tmpDir())).toBe('web-1 10.66.0.2');
});

it('takes thirty lines', () => {
  expect(readFileSync('examples/embed.ts', 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(30);
});
