import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import { LabProcess } from '../test/support/lab-process.js';
import type { Ended, Machine, Running } from './machine.js';
import { PATIENCE_MS } from './stage.js';

/** A machine whose programs are processes of this one, entered by a command line of its own. */
export class LocalMachine implements Machine {
  readonly #started: LabProcess[] = [];

  /**
   * @param enter Makes the command line that runs an argv there.
   * @param env   Added to this process's environment.
   * @param patienceMs How long one command may take before it counts as hanging.
   */
  constructor(
    readonly name: string,
    readonly enter: (argv: readonly string[]) => readonly string[],
    readonly env: Readonly<Record<string, string>> = {},
    readonly patienceMs = PATIENCE_MS,
  ) {}

  async run(argv: readonly string[], stdin = ''): Promise<Ended> {
    const child = this.#spawn(argv);
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
    const timer = setTimeout(() => child.kill('SIGKILL'), this.patienceMs);
    const ended = new Promise<number>((resolve, reject) => child.once('error', reject).once('close', (code) => resolve(code ?? 128)));
    const [exitCode, stdout, stderr] = await Promise.all([ended, buffer(child.stdout), buffer(child.stderr)]);
    clearTimeout(timer);
    return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
  }

  start(argv: readonly string[]): Running {
    const started = new LabProcess(`${this.name}: ${argv.join(' ')}`, this.#spawn(argv));
    this.#started.push(started);
    return started;
  }

  /** What the started programs have said last. */
  logs(): string {
    return this.#started.map((each) => `--- ${each.name} (pid ${each.pid})\n${each.output().trimEnd().split('\n').slice(-15).join('\n')}\n`).join('');
  }

  /** Ends all that still runs, kindly first. */
  async stop(): Promise<void> {
    await Promise.all(this.#started.map(stopWithin(5_000)));
  }

  #spawn(argv: readonly string[]): ChildProcessWithoutNullStreams {
    const [file = '', ...rest] = this.enter(argv);
    return spawn(file, rest, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...this.env } });
  }
}

function stopWithin(ms: number): (running: LabProcess) => Promise<void> {
  return async (running) => {
    const timer = setTimeout(() => running.child.kill('SIGKILL'), ms);
    await running.stop('SIGTERM');
    clearTimeout(timer);
  };
}
