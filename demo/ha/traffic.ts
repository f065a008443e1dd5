import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../../test/support/lab.js';
import type { Machine } from '../machine.js';
import type { Beats } from './beats.js';

const PING_SECONDS = '0.05';
/** Between the end of one join and the beginning of the next. */
const JOIN_PAUSE_MS = 1_000;

/** Asks the machine's own resolver, which it reads of /etc/resolv.conf, and says when it was answered. */
const ASKER = `const { Resolver } = require('node:dns');
const [, server, name, wanted] = process.argv;
const ask = () => {
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  if (server !== '') resolver.setServers([server]);
  resolver.resolve4(name, (error, found) => { if (!error && found.includes(wanted)) console.log(Date.now()); });
};
setInterval(ask, 100);`;

/** Pings from a machine to an address, twenty a second; a beat is an answer. */
export function pings(lab: Lab, name: string, machine: string, address: string): Beats {
  const ping = lab.spawn(machine, ['ping', '-n', '-D', '-i', PING_SECONDS, address], { name: `pings of ${machine}` });
  return { name, times: () => [...ping.output().matchAll(/^\[(\d+\.\d+)\] \d+ bytes from /gm)].map(([, seconds]) => Number(seconds) * 1000) };
}

/**
 * Questions for the address of `host`, ten a second; a beat is the right answer.
 *
 * @param server The name server that is asked; empty for the machine's own.
 */
export function lookups(lab: Lab, name: string, machine: string, server: string, host: string, wanted: string): Beats {
  const asker = lab.spawn(machine, [process.execPath, '-e', ASKER, server, host, wanted], { name: `lookups of ${machine}` });
  return { name, times: () => [...asker.output().matchAll(/^\d+$/gm)].map(([ms]) => Number(ms)) };
}

/** New nodes that join one after the other; a beat is a node that has its certificates. */
export class Joins implements Beats {
  readonly name = 'joins';
  readonly #times: number[] = [];
  readonly #failures: string[] = [];
  #stopped = false;
  #running: Promise<void> | undefined;

  constructor(
    private readonly machine: Machine,
    private readonly folder: string,
  ) {}

  /** @param joinString For any number of nodes. */
  begin(joinString: string): void {
    mkdirSync(this.folder, { recursive: true });
    // The scene may be struck while a node joins.
    this.#running = this.#run(joinString).catch((error: unknown) => void this.#failures.push(String(error)));
  }

  times(): readonly number[] {
    return this.#times;
  }

  /** What those that did not join were told. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(joinString: string): Promise<void> {
    for (let n = 1; !this.#stopped; n++) {
      await this.#join(`guest-${n}`, joinString);
      await sleep(JOIN_PAUSE_MS);
    }
  }

  async #join(name: string, joinString: string): Promise<void> {
    const config = join(this.folder, `${name}.json`);
    writeFileSync(config, JSON.stringify({ client: { name, stateDir: join(this.folder, name) } }));
    const { exitCode, stderr } = await this.machine.run(['nc-client', '--config', config, 'join', '--no-up'], joinString);
    if (exitCode === 0) this.#times.push(Date.now());
    else this.#failures.push(`${name}: ${stderr.trim()}`);
  }
}
