import { execFileSync, spawn, type ChildProcess } from 'node:child_process';

/** Namespaces of labs are named `nclab<owner's pid>-<number>-<machine>`, so a leftover tells whose it was. */
const LAB_NAMESPACE = /^nclab(\d+)-\d+-/;

/**
 * Outlives the lab's owner, however that ends: reads a pipe from it, and when the pipe closes kills what still runs in
 * the lab's namespaces and deletes them.
 */
const REAPER = `cat >/dev/null
for ns in $(ip netns list | cut -d' ' -f1 | grep "^$1-"); do
  for pid in $(ip netns pids "$ns"); do kill -9 "$pid"; done
  ip netns del "$ns"
done 2>/dev/null`;

/** Starts the process that takes the lab away when this one ends without having done so. */
export function startReaper(prefix: string): ChildProcess {
  const reaper = spawn('sh', ['-c', REAPER, 'sh', prefix], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  reaper.unref();
  return reaper;
}

/** Kills the processes in all namespaces that begin with `prefix`, then deletes the namespaces. */
export function deleteNamespaces(prefix: string): void {
  for (const name of namespaces().filter((each) => each.startsWith(`${prefix}-`))) {
    // A namespace that is deleted while a process lives in it goes on existing without a name: nobody finds it again.
    for (const pid of lines(execFileSync('ip', ['netns', 'pids', name]))) kill(Number(pid));
    execFileSync('ip', ['netns', 'del', name]);
  }
}

/** Takes away the labs whose owner is dead. */
export function sweep(): void {
  for (const name of namespaces()) {
    const owner = LAB_NAMESPACE.exec(name)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) deleteNamespaces(name.replace(/-[^-]*$/, ''));
  }
}

function namespaces(): string[] {
  return lines(execFileSync('ip', ['netns', 'list'])).map((line) => line.split(' ')[0] ?? '');
}

function lines(output: Buffer): string[] {
  return output.toString().split('\n').filter((line) => line !== '');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
}
