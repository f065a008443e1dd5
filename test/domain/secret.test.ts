import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { Secret } from '../../src/domain/secret.js';

it('shows a secret to nobody who does not ask for it', () => {
  const secret = new Secret('hunter2');
  const seen = [`${secret}`, String(secret), JSON.stringify({ secret }), inspect(secret), inspect({ deep: [{ secret }] }, { depth: 9, showHidden: true })];

  expect(seen.join()).not.toContain('hunter2');
  expect(seen.every((text) => text.includes('[redacted]'))).toBe(true);
  expect(secret.reveal()).toBe('hunter2');
});
