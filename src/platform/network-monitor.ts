import { spawn } from 'node:child_process';

/**
 * Calls `listener` whenever the kernel says that an address or a route of this machine has changed, any number of times for one change.
 * Says nothing where there is no ip(8). A child that outlives this process ends with the next change, when nobody reads it.
 *
 * @returns Stops listening.
 * @see ip-monitor(8)
 */
export function monitorNetwork(listener: () => void): () => void {
  const child = spawn('ip', ['monitor', 'address', 'route'], { stdio: ['ignore', 'pipe', 'ignore'] });
  child.once('error', () => {});
  child.stdout.on('error', () => {}).on('data', listener);
  child.unref();
  (child.stdout as typeof child.stdout & { unref?(): void }).unref?.();
  return () => {
    child.stdout.removeAllListeners('data');
    child.kill();
  };
}
