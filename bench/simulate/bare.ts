import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What the bare server is asked for. */
export type BareRequest =
  | { readonly kind: 'listen'; readonly ca: string; readonly certificate: string; readonly key: string; readonly port: number }
  | { readonly kind: 'broadcast'; readonly bytes: Uint8Array };

/** The floor of everything that concerns many streams, in a process of its own. */
export interface BareServer {
  /** Writes to every stream. @returns when that began, monotonic ms. */
  broadcast(bytes: Uint8Array): Promise<number>;
  stop(): Promise<void>;
}

/** Starts it where a real server would listen. */
export async function startBareServer(listen: Omit<Extract<BareRequest, { kind: 'listen' }>, 'kind'>): Promise<BareServer> {
  const child = fork(fileURLToPath(new URL('bare-server.ts', import.meta.url)), { execArgv: ['--import', 'tsx'], serialization: 'advanced' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await ask(child, { kind: 'listen', ...listen });
  return {
    broadcast: (bytes) => ask(child, { kind: 'broadcast', bytes }),
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** One at a time. */
function ask(child: ChildProcess, request: BareRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error('the bare server ended'));
    child.once('exit', fail);
    child.once('message', (result: number) => {
      child.off('exit', fail);
      resolve(result);
    });
    child.send(request);
  });
}
