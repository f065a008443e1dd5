import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Who is measured has one core for itself, who asks it another one: they would otherwise take turns on both, and a ratio shows who was luckier. */
const CORES = { server: '0', client: '1' } as const;

/** The command that runs `argv` on one core; `argv` itself on a machine that has no second. @see taskset(1) */
export function pinned(role: keyof typeof CORES, argv: readonly [string, ...string[]]): [string, string[]] {
  const [program, ...words] = availableParallelism() < 2 ? argv : ['taskset', '-c', CORES[role], ...argv];
  return [program!, words];
}

/** Keeps a process that runs already, with all its threads, on one core. */
export function pin(role: keyof typeof CORES, pid: number): void {
  if (availableParallelism() >= 2) execFileSync('taskset', ['-a', '-p', '-c', CORES[role], String(pid)], { stdio: 'ignore' });
}
