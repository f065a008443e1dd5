import type { Command } from 'commander';
import type { Clock } from '../platform/clock.js';
import { Output, type OutputFormat, type Terminal } from '../platform/output.js';
import { readClientConfig, type ClientConfig } from '../platform/config/client-config.js';

/** The streams of one run of `nc-client`; `process` is one. */
export interface CommandIo extends Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
}

/** The options that every command takes. */
export interface GlobalOptions {
  readonly config?: string;
  readonly output: OutputFormat;
  readonly headers: boolean;
}

/** What a command works with. */
export interface Invocation<Options> {
  readonly io: CommandIo;
  readonly output: Output;
  readonly options: GlobalOptions & Options;
  readonly clock: Clock;
}

/** What a command that concerns this machine's node works with. */
export interface NodeInvocation<Options> extends Invocation<Options> {
  readonly config: ClientConfig;
}

/** An action as commander calls it: the arguments, the options, the command. */
type Action = (...params: unknown[]) => Promise<void>;

/** One run of `nc-client`: turns a command's handler into the action that commander calls. */
export class Session {
  readonly #io: CommandIo;
  readonly #clock: Clock;

  constructor(io: CommandIo, clock: Clock) {
    this.#io = io;
    this.#clock = clock;
  }

  /** For a command that needs no configuration. */
  plain<Options, Args extends unknown[]>(handler: (invocation: Invocation<Options>, ...args: Args) => Promise<void> | void): Action {
    return async (...params) => {
      const command = params.at(-1) as Command;
      const options = command.optsWithGlobals<GlobalOptions & Options>();
      const output = new Output(this.#io, { format: options.output, headers: options.headers });
      await handler({ io: this.#io, output, options, clock: this.#clock }, ...(command.processedArgs as Args));
    };
  }

  /** For a command that concerns this machine's node. */
  node<Options, Args extends unknown[]>(handler: (invocation: NodeInvocation<Options>, ...args: Args) => Promise<void>): Action {
    return this.plain<Options, Args>((invocation, ...args) => handler({ ...invocation, config: readClientConfig(invocation.options.config) }, ...args));
  }
}

/** The part of a command's help that shows it in use. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;
}
