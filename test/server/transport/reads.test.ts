import { Metadata } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../src/domain/errors.js';
import { catchUp, tellRead, type Reads } from '../../../src/server/transport/reads.js';
import { ManualClock } from '../../support/clock.js';

/** A replica at revision 5 of a store at revision 8, which it hears of when told. */
class Replica implements Reads {
  readonly epoch = 'one';
  readonly clock = new ManualClock();
  #rev = 5n;
  #waiting: { rev: bigint; resolve: () => void }[] = [];
  newest: () => Promise<bigint> = async () => 8n;

  rev = (): bigint => this.#rev;
  staleMs = (): number => 1234.5;
  currentRev = (): Promise<bigint> => this.newest();
  reached = (rev: bigint): Promise<void> => new Promise((resolve) => this.#waiting.push({ rev, resolve }));

  hear(rev: bigint): void {
    this.#rev = rev;
    for (const waiting of this.#waiting) if (waiting.rev <= rev) waiting.resolve();
  }

  get waits(): boolean {
    return this.#waiting.length > 0;
  }
}

function wanted(fields: Record<string, string>): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(fields)) metadata.set(key, value);
  return metadata;
}

describe('a read', () => {
  it.each([
    ['a revision that is none', { 'nc-min-revision': 'many' }, 'invalid_argument'],
    ['a negative revision', { 'nc-min-revision': '-1' }, 'invalid_argument'],
    ['a consistency that is none', { 'nc-consistent': 'yes' }, 'invalid_argument'],
    ['a revision of before a restore', { 'nc-min-revision': '3', 'nc-epoch': 'zero' }, 'epoch_mismatch'],
  ])('is refused with %s', async (_what, fields, code) => {
    await expect(catchUp(new Replica(), wanted(fields))).rejects.toMatchObject({ code });
  });

  it.each([{}, { 'nc-min-revision': '5' }, { 'nc-min-revision': '0', 'nc-epoch': 'one' }])('does not wait for what is there: %j', async (fields) => {
    const replica = new Replica();

    await catchUp(replica, wanted(fields));

    expect(replica.waits).toBe(false);
  });

  it.each<Record<string, string>>([{ 'nc-min-revision': '8' }, { 'nc-consistent': 'true' }])('waits until this server is as new as is wanted: %j', async (fields) => {
    const replica = new Replica();
    let answered = false;

    const answer = catchUp(replica, wanted(fields)).then(() => (answered = true));
    await expect.poll(() => replica.waits).toBe(true);
    replica.hear(7n);
    await new Promise(setImmediate);
    const early = answered;
    replica.hear(8n);
    await answer;

    expect(early).toBe(false);
  });

  it('is sent elsewhere when this server does not get there', async () => {
    const replica = new Replica();
    const answer = catchUp(replica, wanted({ 'nc-min-revision': '9' }));
    const refused = expect(answer).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('ask another') });

    replica.clock.advance(2_000);

    await refused;
  });

  it('that must be consistent is refused where nobody can tell what is newest', async () => {
    const replica = new Replica();
    replica.newest = async () => {
      throw new DomainError('store_failed', 'no quorum');
    };

    await expect(catchUp(replica, wanted({ 'nc-consistent': 'true' }))).rejects.toMatchObject({ code: 'store_failed' });
    await catchUp(replica, wanted({}));
  });

  it('tells of which epoch and revision it is, and how far it may be behind', () => {
    const trailer = new Metadata();

    tellRead(new Replica(), trailer);

    expect(trailer.getMap()).toEqual({ 'nc-epoch': 'one', 'nc-revision': '5', 'nc-stale-ms': '1235' });
  });
});
