/** How a program ended. */
export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that goes on running. */
export interface Running {
  readonly pid: number;
  readonly isRunning: boolean;
  /** Undefined while it runs or when a signal ended it. */
  readonly exitCode: number | undefined;
  /** What it has written so far. */
  output(): string;
  stop(signal: NodeJS.Signals): Promise<void>;
}

/** One machine of the story. */
export interface Machine {
  readonly name: string;
  /** Runs a program to its end, whatever its exit code. */
  run(argv: readonly string[], stdin?: string): Promise<Ended>;
  /** Starts a program that goes on running. */
  start(argv: readonly string[]): Running;
}

/** Runs a program and insists that it succeeds. */
export async function succeed(machine: Machine, argv: readonly string[], stdin?: string): Promise<string> {
  const { exitCode, stdout, stderr } = await machine.run(argv, stdin);
  if (exitCode !== 0) throw new Error(`${argv.join(' ')} on ${machine.name} ended with ${exitCode}: ${(stderr || stdout).trim()}`);
  return stdout;
}
