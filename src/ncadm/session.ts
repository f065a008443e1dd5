import type { Command } from 'commander';
import type { Clock } from '../platform/clock.js';
import { Output, type OutputFormat, type Terminal } from '../platform/output.js';
import { AdminApi, type ConnectionOptions } from './admin-api.js';

/** The streams of one run of `ncadm`; `process` is one. */
export interface CommandIo extends Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
}

/** The options that every command takes. */
export interface GlobalOptions extends ConnectionOptions {
  readonly output: OutputFormat;
  readonly headers: boolean;
}

/** What a command works with. */
export interface Invocation<Options> {
  readonly io: CommandIo;
  readonly output: Output;
  readonly options: Options;
  readonly nowMs: number;
}

/** What a command that asks the controller works with. */
export interface RemoteInvocation<Options> extends Invocation<Options> {
  readonly api: AdminApi;
}

/** An action as commander calls it: the arguments, the options, the command. */
type Action = (...params: unknown[]) => Promise<void>;

/** One run of `ncadm`: turns a command's handler into the action that commander calls. */
export class Session {
  readonly #io: CommandIo;
  readonly #clock: Clock;

  constructor(io: CommandIo, clock: Clock) {
    this.#io = io;
    this.#clock = clock;
  }

  /** For a command that needs no controller. */
  local<Options, Args extends unknown[]>(handler: (invocation: Invocation<Options>, ...args: Args) => Promise<void> | void): Action {
    return async (...params) => {
      const command = params.at(-1) as Command;
      await handler(this.#invocation<Options>(command), ...(command.processedArgs as Args));
    };
  }

  /** For a command that asks the controller; the connection lives as long as the handler. */
  remote<Options, Args extends unknown[]>(handler: (invocation: RemoteInvocation<Options>, ...args: Args) => Promise<void>): Action {
    return async (...params) => {
      const command = params.at(-1) as Command;
      const api = new AdminApi(command.optsWithGlobals<GlobalOptions>(), this.#io.env);
      try {
        await handler({ ...this.#invocation<Options>(command), api }, ...(command.processedArgs as Args));
      } finally {
        api.close();
      }
    };
  }

  #invocation<Options>(command: Command): Invocation<Options> {
    const options = command.optsWithGlobals<GlobalOptions & Options>();
    const output = new Output(this.#io, { format: options.output, headers: options.headers });
    return { io: this.#io, output, options, nowMs: this.#clock.now() };
  }
}
