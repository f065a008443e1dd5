import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withAgent } from '../../src/client/agent-client.js';
import { pathWord } from '../../src/client/path-kind.js';
import type { PathState } from '../../src/client/path-types.js';
import type { AgentServiceGetStatusResponse } from '../../src/gen/networkcontroller/v1/agent.js';
import { clientBundle } from './client-bundle.js';
import type { LabProcess } from './lab-process.js';
import type { Lab } from './lab.js';
import { until } from './until.js';

/** The interface of every node of a lab. */
export const INTERFACE = 'nc0';

/** The real `nc-client` on one machine of a lab. */
export class LabAgent {
  readonly machine: string;
  readonly #lab: Lab;
  readonly #folder: string;
  readonly #program: string;
  #agent: LabProcess | undefined;
  #bindIp = '';

  private constructor(lab: Lab, machine: string, folder: string, program: string) {
    this.#lab = lab;
    this.machine = machine;
    this.#folder = folder;
    this.#program = program;
  }

  /**
   * Joins; the agent does not run yet.
   *
   * @param folder   Where the node keeps its files.
   * @param settings Keys below `client:` of its client.yml.
   */
  static async join(lab: Lab, machine: string, folder: string, joinString: string, settings: Record<string, unknown> = {}): Promise<LabAgent> {
    const node = new LabAgent(lab, machine, folder, await clientBundle());
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const client = { name: machine, interfaceName: INTERFACE, stateDir: join(folder, 'state'), ...settings };
    writeFileSync(node.#config, JSON.stringify({ client }));
    const joining = lab.spawn(machine, node.#words('join', '--no-up', '-o', 'json'));
    joining.child.stdin.end(joinString);
    await joining.ended();
    if (joining.exitCode !== 0) throw new Error(`${machine} did not join: ${joining.output()}`);
    node.#bindIp = /"bindIp": ?"([^"]+)"/.exec(joining.output())?.[1] ?? '';
    return node;
  }

  get bindIp(): string {
    return this.#bindIp;
  }

  /** How many direct endpoints it has written down for its next start. */
  get rememberedEndpoints(): number {
    const { direct } = JSON.parse(readFileSync(join(this.#folder, 'state', 'endpoints.json'), 'utf8')) as { direct: object };
    return Object.keys(direct).length;
  }

  /** Node ids of the peers that it has written down as in use for its next start. */
  get rememberedAwake(): readonly string[] {
    return (JSON.parse(readFileSync(join(this.#folder, 'state', 'endpoints.json'), 'utf8')) as { awake: string[] }).awake;
  }

  /** The agent's process. */
  get agent(): LabProcess {
    if (this.#agent === undefined) throw new Error(`no agent was started on ${this.machine}`);
    return this.#agent;
  }

  /** Starts the agent and does not wait for anything. */
  start(): void {
    this.#agent = this.#lab.spawn(this.machine, this.#words('-o', 'json', 'up'), { name: this.machine });
  }

  /** Starts the agent and waits until its tunnel is up. */
  async up(): Promise<void> {
    this.start();
    await this.ready();
  }

  /** Waits until the tunnel of the agent started last is up. */
  async ready(): Promise<void> {
    await until(() => {
      if (!this.agent.isRunning) throw new Error(`the agent of ${this.machine} ended: ${this.agent.output()}`);
      return this.agent.output().includes('readyAfterMs');
    }, `the tunnel of ${this.machine}`, 60_000);
  }

  /** Ends the agent as an operator does: the interface goes. */
  async down(): Promise<void> {
    await this.#lab.exec(this.machine, this.#words('down'));
    await this.#agent?.ended();
  }

  /** Ends the agent, and its interface, without a process of its own for that. */
  async stop(): Promise<void> {
    await withAgent(this.#socket, (agent) => agent.stop(false));
    await this.#agent?.ended();
  }

  /** Ends the agent as a power cut would; its interface stays. */
  async kill(): Promise<void> {
    await this.agent.stop('SIGKILL');
  }

  status(): Promise<AgentServiceGetStatusResponse> {
    return withAgent(this.#socket, (agent) => agent.status());
  }

  /** How packets travel to `peer` now, and where to. */
  async path(peer: LabAgent): Promise<{ kind: PathState['kind']; endpoint: string }> {
    const found = (await this.status()).peers.find(({ bindIp }) => bindIp === peer.bindIp);
    return found === undefined ? { kind: 'none', endpoint: '' } : { kind: pathWord(found.path), endpoint: found.endpoint };
  }

  /** What the agents here have logged under `message`, oldest first, with the time. */
  logged(message: string): { readonly atMs: number; readonly fields: Readonly<Record<string, unknown>> }[] {
    const log = join(this.#folder, 'state', 'log', 'nc-client-log.log');
    const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter((line) => line.endsWith('}')) : [];
    return lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((fields) => fields['message'] === message)
      .map((fields) => ({ atMs: Date.parse(String(fields['time'])), fields }));
  }

  #words(...words: readonly string[]): string[] {
    return [process.execPath, this.#program, '--config', this.#config, ...words];
  }

  get #socket(): string {
    return join(this.#folder, 'state', 'agent.sock');
  }

  get #config(): string {
    return join(this.#folder, 'client.yml');
  }
}
