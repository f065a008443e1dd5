import { describe, expect, it } from 'vitest';
import { Turns } from '../../src/platform/turns.js';

describe('tasks in turns', () => {
  it('never overlap, and come in the order in which they were asked for', async () => {
    const [turns, seen] = [new Turns(), [] as string[]];
    const task = (name: string, ticks: number) => async () => {
      seen.push(`${name} begins`);
      for (let n = 0; n < ticks; n++) await Promise.resolve();
      seen.push(`${name} ends`);
    };

    await Promise.all([turns.take(task('slow', 50)), turns.take(task('quick', 0)), turns.take(task('last', 5))]);

    expect(seen).toEqual(['slow begins', 'slow ends', 'quick begins', 'quick ends', 'last begins', 'last ends']);
  });

  it('are not held up by one that fails, which only who asked for it hears of', async () => {
    const turns = new Turns();

    const failing = turns.take(() => Promise.reject(new Error('no')));
    const next = turns.take(() => Promise.resolve('next'));

    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe('next');
  });

  it('are not held up by one that throws at once', async () => {
    const turns = new Turns();

    const failing = turns.take(() => {
      throw new Error('at once');
    });

    await expect(failing).rejects.toThrow('at once');
    expect(await turns.take(() => Promise.resolve(7))).toBe(7);
  });

  it('are done when the last that was asked for has ended, and at once without one', async () => {
    const [turns, seen] = [new Turns(), [] as string[]];
    await turns.done();

    void turns.take(async () => void seen.push('a'));
    turns.take(() => Promise.reject(new Error('no'))).catch(() => seen.push('failed'));
    void turns.take(async () => void seen.push('b'));
    await turns.done();

    expect(seen).toEqual(['a', 'failed', 'b']);
  });
});
