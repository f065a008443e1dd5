import { readFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/domain/errors.js';
import { STATUS_OF } from '../../src/server/transport/status.js';

const ROWS = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));

describe('docs/errors.md', () => {
  it('lists every code once, in order, and no other', () => {
    expect(ROWS.map(([code]) => code)).toEqual([...ERROR_CODES].sort().map((code) => `\`${code}\``));
  });

  it.each(ERROR_CODES)('gives the status and class of %s as it is on the wire', (code) => {
    const [, grpc, result] = ROWS.find(([cell]) => cell === `\`${code}\``) ?? [];

    expect([grpc, result]).toEqual([status[STATUS_OF[code].grpc], STATUS_OF[code].result]);
  });

  it('says of every code what it means and what to do', () => {
    for (const row of ROWS) {
      expect(row).toHaveLength(5);
      expect(row.slice(3).every((cell) => cell.endsWith('.'))).toBe(true);
    }
  });

  it('is in the order of the alphabet in the source too', () => {
    expect(ERROR_CODES).toEqual([...ERROR_CODES].sort());
  });
});
