import { describe, expect, it } from 'vitest';
import { run } from '../../src/platform/run.js';

describe('run', () => {
  it('passes arguments on as they are, without a shell', async () => {
    const { stdout } = await run('printf', ['%s\n', '$(id); `id` && "x" *']);

    expect(stdout).toBe('$(id); `id` && "x" *\n');
  });

  it('feeds standard input and closes it', async () => {
    expect((await run('cat', [], { input: 'a secret' })).stdout).toBe('a secret');
  });

  it('takes the exit code and what the program said as the error', async () => {
    await expect(run('sh', ['-c', 'echo no such peer >&2; exit 3'])).rejects.toMatchObject({
      name: 'RunError',
      exitCode: 3,
      reason: 'exit',
      stderr: 'no such peer\n',
      message: expect.stringContaining('ended with 3: no such peer'),
    });
  });

  it('says so when there is no such program', async () => {
    await expect(run('nc-no-such-program', [])).rejects.toMatchObject({ reason: 'missing' });
  });

  it('shows the beginning of a command alone that goes on for long, and all that it said', async () => {
    const failing = run('sh', ['-c', 'echo no such peer >&2; exit 3', ...Array.from({ length: 500 }, (_, n) => `peer-${n}`)]);

    const error = await failing.catch((reason: unknown) => reason as Error);

    expect((error as Error).message).toMatch(/^sh -c .*peer-7 .* … \(\d+ characters\): ended with 3: no such peer$/);
    expect((error as Error).message.length).toBeLessThan(400);
  });

  it('kills what takes too long', async () => {
    await expect(run('sleep', ['60'], { timeoutMs: 50 })).rejects.toMatchObject({ reason: 'timeout' });
  });

  it('does not trip over a program that ignores its input', async () => {
    await expect(run('false', [], { input: 'x'.repeat(1024 * 1024) })).rejects.toMatchObject({ exitCode: 1 });
  });
});
