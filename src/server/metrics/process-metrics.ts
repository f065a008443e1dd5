import { readdir, stat } from 'node:fs/promises';
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';

/** Figures for which every connection is looked at, while nothing else is done: with ten thousand agents that takes tens of milliseconds. */
const WALKING = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
  'process_open_fds',
];

const OPEN_FILES = '/proc/self/fd';

/** Adds what Node knows of the process: its memory, CPU and event loop. Nothing in it takes longer the more connections there are. */
export function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const name of WALKING) registry.removeSingleMetric(name);
  if (process.platform !== 'linux') return;
  new Gauge({
    name: 'process_open_fds',
    help: 'Number of open file descriptors.',
    registers: [registry],
    async collect() {
      this.set(await openFiles());
    },
  });
}

/** The size of the folder says how many since Linux 6.2; before, it says 0. @see proc(5), /proc/pid/fd */
async function openFiles(): Promise<number> {
  const { size } = await stat(OPEN_FILES);
  return size > 0 ? size : (await readdir(OPEN_FILES)).length;
}
