import { spawn } from 'node:child_process';

/** All that the program finds in its environment: nothing of ours, which may hold secrets. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

/**
 * Runs a program, never through a shell, with a bare environment, no input and no output, in a process group of its own. When `signal`
 * fires the whole group is killed, whatever the program has started in it.
 *
 * @param argv Name or path of the program, and its arguments.
 * @returns Its exit code, or the name of the signal that ended it.
 * @throws Error when it cannot be started.
 */
export function runBare(argv: readonly string[], signal: AbortSignal): Promise<number | string> {
  const [command = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new Error(`${command}: not started any more`));
    const child = spawn(command, args, { detached: true, stdio: 'ignore', cwd: '/', env: ENVIRONMENT });
    // The group lives as long as its leader, which is not reaped before `exit`.
    const kill = (): void => void (child.pid !== undefined && child.exitCode === null && child.signalCode === null && process.kill(-child.pid, 'SIGKILL'));
    signal.addEventListener('abort', kill, { once: true });
    child.once('error', reject).once('exit', (code, name) => {
      signal.removeEventListener('abort', kill);
      resolve(code ?? name ?? 'unknown');
    });
  });
}
