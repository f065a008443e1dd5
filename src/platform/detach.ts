import { spawn } from 'node:child_process';

/** A program that goes on without us. */
export interface Detached {
  readonly pid: number;
  /** Resolves with the exit code, or the signal's name, should it end while we are still here. */
  readonly ended: Promise<number | string>;
}

/**
 * Starts this program once more with other arguments, in a session of its own, so that it outlives us and our terminal.
 *
 * @param args   Words after the program's name.
 * @param output File descriptor that takes what it prints.
 */
export function detachSelf(args: readonly string[], output: number): Detached {
  const [node, script] = [process.execPath, process.argv[1] ?? ''];
  const child = spawn(node, [...process.execArgv, script, ...args], { detached: true, stdio: ['ignore', output, output] });
  child.unref();
  return {
    pid: child.pid ?? 0,
    ended: new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(code ?? signal ?? 1)).once('error', (error) => resolve(error.message));
    }),
  };
}
