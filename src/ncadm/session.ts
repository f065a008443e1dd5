import type { Command } from 'commander';
import type { Clock } from '../platform/clock.js';
import { invocationOf, type Action, type CommandInvocation, type CommandIo } from '../platform/run-command.js';
import { AdminApi } from './admin-api.js';
import { followCas } from './ca-file.js';
import { findController, type ConnectionOptions } from './controller-target.js';

/** A server hears of the others far more often. */
const STALE_MS = 10_000;

/** What a command works with. */
export interface Invocation<Options> extends CommandInvocation<Options> {
  readonly nowMs: number;
}

/** What a command that asks the controller works with. */
export interface RemoteInvocation<Options> extends Invocation<Options> {
  readonly api: AdminApi;
}

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
      const invocation = this.#invocation<ConnectionOptions & Options>(command);
      const { consistent = false } = invocation.options;
      const { targets, caFile } = await findController(invocation.options, this.#io.env, invocation.nowMs);
      const api = await AdminApi.open(targets, { consistent });
      try {
        await handler({ ...invocation, api }, ...(command.processedArgs as Args));
        if (api.staleMs > STALE_MS) invocation.output.note(`This may be ${Math.round(api.staleMs / 1000)} s old: the server has not heard of the others since.`);
        if (caFile !== undefined && api.cas !== undefined && (await followCas(caFile, api.cas))) invocation.output.note(`${caFile} holds the CAs that the controller has now.`);
      } finally {
        api.close();
      }
    };
  }

  #invocation<Options>(command: Command): Invocation<Options> {
    return { ...invocationOf<Options>(command, this.#io), nowMs: this.#clock.now() };
  }
}
