import { spawn } from 'node:child_process';

/** A program that has been started, waits for {@link go} on its standard input, and then goes on without us. */
export interface Detached {
  readonly pid: number;
  /** Resolves with the exit code, or the signal's name, should it end while we are still here. */
  readonly ended: Promise<number | string>;
  /** Lets it begin. */
  go(): void;
  /** Lets it end without having begun; so does our own end. */
  abandon(): void;
}

/**
 * Starts this program once more with other arguments, in a session of its own, so that it outlives us and our terminal. While it is
 * loading, we can do what must come before it.
 *
 * @param args   Words after the program's name; they make it wait for a line on standard input ({@link heardGo}).
 * @param output File descriptor that takes what it prints.
 */
export function detachSelf(args: readonly string[], output: number): Detached {
  const [node, script] = [process.execPath, process.argv[1] ?? ''];
  const child = spawn(node, [...process.execArgv, script, ...args], { detached: true, stdio: ['pipe', output, output] });
  child.unref();
  // It may have ended by itself; what it printed says why.
  child.stdin?.on('error', () => {});
  return {
    pid: child.pid ?? 0,
    ended: new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(code ?? signal ?? 1)).once('error', (error) => resolve(error.message));
    }),
    go: () => void child.stdin?.end('go\n'),
    abandon: () => void child.stdin?.end(),
  };
}

/** Waits for the other side of {@link Detached.go}. @returns false when there will be none. */
export async function heardGo(stdin: NodeJS.ReadableStream): Promise<boolean> {
  for await (const chunk of stdin) if (String(chunk).includes('go\n')) return true;
  return false;
}
