import { execFile } from 'node:child_process';

/** Characters of a command that a message shows. */
const MAX_SHOWN = 300;

/** How {@link run} executes. */
export interface RunOptions {
  /** Written to the program's standard input, which is then closed; secrets go here, never into argv. */
  readonly input?: string | Uint8Array;
  /** After this many milliseconds the program is killed; 10 s by default. */
  readonly timeoutMs?: number;
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What the program wrote. */
export interface RunOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that could not be started, ended with another code than 0, was killed or took too long. */
export class RunError extends Error {
  override readonly name = 'RunError';

  /**
   * @param argv     What was run; it holds no secret because {@link run}'s callers put none into it.
   * @param exitCode The exit code, or undefined when it did not start or was killed.
   * @param reason   `missing` when there is no such program.
   * @param stderr   What it said.
   */
  constructor(
    readonly argv: readonly string[],
    readonly exitCode: number | undefined,
    readonly reason: 'exit' | 'missing' | 'signal' | 'timeout' | 'failed',
    readonly stderr: string,
    options?: { cause?: unknown },
  ) {
    super(`${shortened(argv.join(' '))}: ${describe(reason, exitCode)}${stderr.trim() === '' ? '' : `: ${stderr.trim()}`}`, options);
  }
}

/**
 * Runs a program with an argument list, never through a shell, and waits for its end.
 *
 * The locale is C, so that messages can be recognised.
 *
 * @param command Name or path of the program.
 * @param args    Its arguments, passed on as they are. They are visible to every user of the machine.
 * @throws RunError
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunOutput> {
  const argv = [command, ...args];
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      args,
      {
        timeout: options.timeoutMs ?? 10_000,
        killSignal: 'SIGKILL',
        maxBuffer: 64 * 1024 * 1024,
        env: { ...process.env, LC_ALL: 'C', ...options.env },
        ...(options.cwd !== undefined && { cwd: options.cwd }),
      },
      (error, stdout, stderr) => (error === null ? resolve({ stdout, stderr }) : reject(toRunError(argv, error, stderr))),
    );
    // A program may end without reading its input; its exit code then says what is wrong, not the broken pipe.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input);
  });
}

function toRunError(argv: readonly string[], error: Error & { code?: unknown; killed?: boolean; signal?: unknown }, stderr: string): RunError {
  const exitCode = typeof error.code === 'number' ? error.code : undefined;
  const reason = error.code === 'ENOENT' ? 'missing' : exitCode !== undefined ? 'exit' : error.killed === true ? 'timeout' : error.signal ? 'signal' : 'failed';
  return new RunError(argv, exitCode, reason, stderr, { cause: error });
}

/** A message is read by people; hundreds of peers are not. */
function shortened(words: string): string {
  return words.length <= MAX_SHOWN ? words : `${words.slice(0, MAX_SHOWN)} … (${words.length} characters)`;
}

function describe(reason: RunError['reason'], exitCode: number | undefined): string {
  switch (reason) {
    case 'exit':
      return `ended with ${exitCode}`;
    case 'missing':
      return 'no such program';
    case 'signal':
      return 'was killed';
    case 'timeout':
      return 'took too long and was killed';
    case 'failed':
      return 'could not be run';
  }
}
