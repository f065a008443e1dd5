import { beforeEach, describe, expect, it } from 'vitest';
import { DomainError, type ErrorCode } from '../../../src/domain/errors.js';
import { GuessLimit } from '../../../src/server/auth/guess-limit.js';
import { ManualClock } from '../../support/clock.js';

let clock: ManualClock;
let limit: GuessLimit;

beforeEach(() => {
  clock = new ManualClock();
  limit = new GuessLimit(3, clock);
});

/** What an attempt from `address` that ends with `code` is answered. */
async function attempt(address: string, code: ErrorCode | 'ok' = 'token_invalid'): Promise<string> {
  const work = (): Promise<string> => (code === 'ok' ? Promise.resolve('ok') : Promise.reject(new DomainError(code, 'no')));
  return limit.watch(address, work).catch((error: unknown) => (error as DomainError).code);
}

async function attempts(address: string, count: number, code: ErrorCode | 'ok' = 'token_invalid'): Promise<string[]> {
  const answers: string[] = [];
  for (let i = 0; i < count; i++) answers.push(await attempt(address, code));
  return answers;
}

describe('GuessLimit', () => {
  it('refuses unseen what comes after too many tokens that are none, good ones too', async () => {
    expect(await attempts('192.0.2.1', 5)).toEqual(['token_invalid', 'token_invalid', 'token_invalid', 'rate_limited', 'rate_limited']);
    expect(await attempt('192.0.2.1', 'ok')).toBe('rate_limited');
  });

  it('lets others in meanwhile', async () => {
    await attempts('192.0.2.1', 5);

    expect(await attempt('192.0.2.2', 'ok')).toBe('ok');
  });

  it('takes the addresses of one /64 for one source', async () => {
    await attempts('2001:db8::1', 3);

    expect(await attempt('2001:db8::ffff')).toBe('rate_limited');
    expect(await attempt('2001:db8:0:1::1')).toBe('token_invalid');
  });

  it('forgives after a minute from the first', async () => {
    await attempts('192.0.2.1', 2);
    clock.advance(59_999);
    await attempt('192.0.2.1');
    expect(await attempt('192.0.2.1')).toBe('rate_limited');

    clock.advance(1);

    expect(await attempts('192.0.2.1', 4)).toEqual(['token_invalid', 'token_invalid', 'token_invalid', 'rate_limited']);
  });

  it.each(['ok', 'token_expired', 'token_spent', 'token_revoked', 'name_taken', 'pool_exhausted', 'store_failed'] as const)('does not count what ends with %s', async (code) => {
    expect(await attempts('192.0.2.1', 10, code)).toEqual(Array.from({ length: 10 }, () => code));
  });
});
