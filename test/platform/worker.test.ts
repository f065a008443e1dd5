import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startWorker } from '../../src/platform/worker.js';

function started(entry: string, data: unknown) {
  const worker = startWorker(entry, import.meta.url, data);
  onTestFinished(async () => void (await worker.terminate()));
  return worker;
}

describe('a worker thread', () => {
  it('that has no file fails, and with it whoever started it', async () => {
    const [error] = (await once(started('./nowhere', {}), 'error').catch((thrown: unknown) => [thrown])) as [Error];

    expect(error.message).toContain('nowhere');
  });

  it('that throws tells its starter what', async () => {
    const failed = new Promise((resolve) => started('../support/echo-worker', { fail: 'disk full' }).once('error', resolve));

    expect(await failed).toMatchObject({ message: 'disk full' });
  });

  it('is not started with what cannot be copied', () => {
    expect(() => started('../support/echo-worker', { call: () => 1 })).toThrow(/could not be cloned/);
  });

  it('runs from source, imports its own modules, and gets its data as it was', async () => {
    const data = { revision: 2n ** 63n, bytes: new Uint8Array([0, 255]), names: new Map([['a', ['b']]]) };

    const [message] = (await once(started('../support/echo-worker', data), 'message')) as [unknown];

    expect(message).toEqual(data);
  });
});
