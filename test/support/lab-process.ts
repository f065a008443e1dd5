import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { StringDecoder } from 'node:string_decoder';

/** The most that is kept of what a process says. */
const KEPT_CHARACTERS = 1 << 20;

/** A process that goes on running in one machine of a lab. */
export class LabProcess {
  readonly #ended: Promise<void>;
  #output = '';

  constructor(
    readonly name: string,
    readonly child: ChildProcessWithoutNullStreams,
  ) {
    for (const stream of [child.stdout, child.stderr]) {
      const decoder = new StringDecoder('utf8');
      stream.on('data', (chunk: Buffer) => (this.#output = (this.#output + decoder.write(chunk)).slice(-KEPT_CHARACTERS)));
    }
    this.#ended = new Promise((resolve) => {
      child.once('close', () => resolve());
      child.once('error', (error) => {
        this.#output += String(error);
        resolve();
      });
    });
  }

  /** The process itself, not a wrapper. */
  get pid(): number {
    return this.child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Exit code, or undefined while it runs or when a signal ended it. */
  get exitCode(): number | undefined {
    return this.child.exitCode ?? undefined;
  }

  /** What it wrote to stdout and stderr, in order of arrival. */
  output(): string {
    return this.#output;
  }

  /** Sends `signal` and waits until the process is gone. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.isRunning) this.child.kill(signal);
    await this.#ended;
  }

  /** Waits until the process is gone by itself. */
  async ended(): Promise<void> {
    await this.#ended;
  }
}
