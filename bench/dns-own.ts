import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ToChild } from './dns-child.js';
import { pinned } from './pin.js';
import { cpuSecondsOf } from './server.js';

/** A name server of ours in a process of its own. */
export interface OwnServer {
  readonly name: string;
  readonly port: number;
  cpuSeconds(): number;
  /** Lets its main thread stand still for a second in every second and a half, or no longer. */
  stall(on: boolean): void;
  /** Idempotent. */
  stop(): Promise<void>;
}

/** Starts one; an echo instead answers each query with itself. */
export async function startOwn(program: 'dns-child' | 'dns-echo', settings: Omit<Extract<ToChild, { kind: 'start' }>, 'kind'> = {}): Promise<OwnServer> {
  const [command, argv] = pinned('server', [process.execPath, '--import', 'tsx', fileURLToPath(new URL(`${program}.ts`, import.meta.url))]);
  const child = spawn(command, argv, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  const tell = (message: ToChild): unknown => child.send(message);
  tell({ kind: 'start', ...settings });
  const answer = await Promise.race([once(child, 'message'), ended.then(() => undefined)]);
  if (answer === undefined) throw new Error(`${program}: want a server, got the end of its process`);
  const [{ port }] = answer as [{ port: number }];
  return {
    name: program === 'dns-echo' ? 'an echo in Node.js' : 'ours',
    port,
    cpuSeconds: () => cpuSecondsOf(child.pid!),
    stall: (on) => tell({ kind: 'stall', on }),
    async stop() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
