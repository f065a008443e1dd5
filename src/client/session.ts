import type { Command } from 'commander';
import type { Clock } from '../platform/clock.js';
import { readClientConfig, type ClientConfig } from '../platform/config/client-config.js';
import { invocationOf, type Action, type CommandInvocation, type CommandIo } from '../platform/run-command.js';

/** The option of every command that says where its configuration is. */
interface ConfigOption {
  readonly config?: string;
}

/** What a command works with. */
export interface Invocation<Options> extends CommandInvocation<ConfigOption & Options> {
  readonly clock: Clock;
}

/** What a command that concerns this machine's node works with. */
export interface NodeInvocation<Options> extends Invocation<Options> {
  readonly config: ClientConfig;
}

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
      await handler({ ...invocationOf<ConfigOption & Options>(command, this.#io), clock: this.#clock }, ...(command.processedArgs as Args));
    };
  }

  /** For a command that concerns this machine's node. */
  node<Options, Args extends unknown[]>(handler: (invocation: NodeInvocation<Options>, ...args: Args) => Promise<void>): Action {
    return this.plain<Options, Args>((invocation, ...args) => handler({ ...invocation, config: readClientConfig(invocation.options.config) }, ...args));
  }
}
