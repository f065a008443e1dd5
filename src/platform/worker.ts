import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * Lets a worker thread run a TypeScript file when the program itself runs from source, as tests do. Through `require`, which needs no
 * second thread for its hooks: tests start many.
 */
const FROM_SOURCE = `
  const { workerData } = require('node:worker_threads');
  require('tsx/cjs/api').register();
  require(require('node:url').fileURLToPath(workerData.entry));
`;

/**
 * Starts `entry`, a module beside the caller named without extension, as a worker thread.
 *
 * @param entry   `'./sqlite-writer-worker'`: the extension is the caller's own, `.js` or `.ts`.
 * @param from    The caller's `import.meta.url`.
 * @param data    What the worker reads from `workerData.data`; must be cloneable.
 */
export function startWorker(entry: string, from: string, data: unknown, options: WorkerOptions = {}): Worker {
  const source = from.endsWith('.ts');
  const url = new URL(`${entry}${source ? '.ts' : '.js'}`, from);
  const workerData = { entry: url.href, data };
  return source
    ? new Worker(FROM_SOURCE, { ...options, eval: true, workerData })
    : new Worker(url, { ...options, workerData });
}
