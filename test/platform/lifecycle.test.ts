import { describe, expect, it } from 'vitest';
import { Lifecycle } from '../../src/platform/lifecycle.js';
import { silentLog, type LogFields } from '../../src/platform/log.js';

/** Starts `names` in order and notes in `events` who stops when. */
async function lifecycleOf(names: readonly string[], events: string[]): Promise<Lifecycle> {
  const lifecycle = new Lifecycle(silentLog);
  for (const name of names) {
    await lifecycle.start(name, () => ({ stop: () => void events.push(`stop ${name}`) }));
  }
  return lifecycle;
}

describe('Lifecycle', () => {
  it('stops in the reverse of the order of the start', async () => {
    const events: string[] = [];
    const lifecycle = await lifecycleOf(['store', 'grpc', 'jobs'], events);

    await lifecycle.stop();

    expect(events).toEqual(['stop jobs', 'stop grpc', 'stop store']);
    expect(lifecycle.state).toBe('stopped');
  });

  it('stops every part once, however often and from wherever it is asked', async () => {
    const events: string[] = [];
    const lifecycle = await lifecycleOf(['store'], events);

    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    await lifecycle.stop();

    expect(events).toEqual(['stop store']);
  });

  it('may be stopped before anything was started', async () => {
    await new Lifecycle(silentLog).stop();
  });

  it('stops what runs already when a later part does not start', async () => {
    const events: string[] = [];
    const lifecycle = await lifecycleOf(['store', 'pki'], events);

    await expect(lifecycle.start('grpc', () => Promise.reject(new Error('port taken')))).rejects.toThrow('port taken');

    expect(events).toEqual(['stop pki', 'stop store']);
  });

  it('stops a part that comes up while everything else goes down, and refuses the next', async () => {
    const events: string[] = [];
    const lifecycle = await lifecycleOf([], events);
    let up: (part: { stop(): void }) => void = () => {};
    const starting = lifecycle.start('late', () => new Promise<{ stop(): void }>((resolve) => (up = resolve)));

    const stopped = lifecycle.stop();
    up({ stop: () => void events.push('stop late') });

    await expect(starting).rejects.toMatchObject({ code: 'draining' });
    await stopped;
    expect(events).toEqual(['stop late']);
    await expect(lifecycle.start('next', () => ({ stop() {} }))).rejects.toMatchObject({ code: 'draining' });
  });

  it('passes over a part that fails or hangs, and says which', async () => {
    const events: string[] = [];
    const warnings: (LogFields | undefined)[] = [];
    const log = { ...silentLog, warn: (_message: string, fields?: LogFields) => void warnings.push(fields) };
    const lifecycle = new Lifecycle(log, { partDeadlineMs: 20 });
    await lifecycle.start('store', () => ({ stop: () => void events.push('stop store') }));
    await lifecycle.start('hangs', () => ({ stop: () => new Promise<void>(() => {}) }));
    await lifecycle.start('fails', () => ({ stop: () => Promise.reject(new Error('no')) }));

    await lifecycle.stop();

    expect(events).toEqual(['stop store']);
    expect(warnings.map((fields) => fields?.['part'])).toEqual(['fails', 'hangs']);
  });
});
