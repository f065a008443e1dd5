import type { Command } from 'commander';
import { systemClock, type Clock } from '../../platform/clock.js';
import { readServerConfig, type ServerConfig } from '../../platform/config/server-config.js';
import { silentLog, type Log } from '../../platform/log.js';
import { Output, type Terminal } from '../../platform/output.js';
import type { Action, PrintingOptions } from '../../platform/run-command.js';

/** What a command works with while no server runs. */
export interface OfflineInvocation<Options> {
  readonly config: ServerConfig;
  readonly options: Options;
  readonly clock: Clock;
  readonly log: Log;
}

/** What a command has to say: all of it for programs, sentences for people. */
export interface OfflineAnswer {
  readonly result: object;
  readonly says: readonly string[];
}

/** Turns a handler into the action of a command of `nc-server` that works on files and prints its answer. */
export class OfflineSession {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  action<Options, Args extends unknown[]>(handler: (invocation: OfflineInvocation<Options>, ...args: Args) => Promise<OfflineAnswer>): Action {
    return async (...params) => {
      const command = params.at(-1) as Command;
      const options = command.optsWithGlobals<PrintingOptions & Options & { readonly config: string }>();
      const output = new Output(this.#terminal, { format: options.output, headers: options.headers });
      const { result, says } = await handler({ config: readServerConfig(options.config), options, clock: systemClock, log: silentLog }, ...(command.processedArgs as Args));
      output.result({ ...result, says }, () => says.join('\n'));
    };
  }
}
