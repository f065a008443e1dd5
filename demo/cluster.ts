import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringifyYaml } from '../src/platform/yaml-config.js';
import { until } from '../test/support/until.js';
import { succeed, type Machine, type Running } from './machine.js';
import type { Stage } from './stage.js';

/** What the story reads of `ncadm status -o json`. */
export interface ClusterStatus {
  readonly cluster: { readonly id: string; readonly epoch: string; readonly revision: string };
  readonly nodes: readonly { readonly id: string; readonly name: string; readonly bindIp: string; readonly state: string; readonly path: string }[];
}

/** What the story reads of `nc-client status -o json`. */
export interface NodeStatus {
  readonly pid: number;
  readonly interface: { readonly name: string; readonly device: string };
  readonly certificateExpiresAt: string;
  readonly peers: readonly { readonly name: string; readonly bindIp: string; readonly path: string }[];
}

/** The three programs, spoken to through their command lines alone. */
export class Cluster {
  readonly #stage: Stage;
  /** Process ids by node. */
  readonly #agents = new Map<string, number>();
  #server: Running | undefined;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#writeConfigs();
  }

  /** Starts nc-server and waits until it answers an admin. */
  async startController(): Promise<Running> {
    const server = this.#stage.controller.start(['nc-server', '--config', this.#path(this.#stage.controller, 'server.yml')]);
    this.#server = server;
    await until(async () => {
      if (!server.isRunning) throw new Error(`nc-server ended: ${server.output().trim().split('\n').slice(-5).join(' | ')}`);
      return (await this.#runNcadm(['status'])).exitCode === 0;
    }, 'nc-server to answer', this.#stage.patienceMs);
    return server;
  }

  /** Ends nc-server as a power cut would. */
  async killController(): Promise<void> {
    await this.#server?.stop('SIGKILL');
  }

  /** Runs ncadm on the controller's machine and gives what it prints. */
  ncadm(...words: readonly string[]): Promise<string> {
    return succeed(this.#stage.controller, this.#ncadmWords(words));
  }

  async status(): Promise<ClusterStatus> {
    return JSON.parse(await this.ncadm('status', '-o', 'json')) as ClusterStatus;
  }

  /** Runs nc-client on a node and gives what it prints. */
  client(node: Machine, words: readonly string[], stdin?: string): Promise<string> {
    return succeed(node, ['nc-client', '--config', this.#path(node, 'client.yml'), ...words], stdin);
  }

  async clientStatus(node: Machine): Promise<NodeStatus> {
    return JSON.parse(await this.client(node, ['status', '-o', 'json'])) as NodeStatus;
  }

  /** Joins with the string on standard input; comes back when the agent runs and the tunnel is up. */
  async join(node: Machine, joinString: string): Promise<void> {
    await this.client(node, ['join'], joinString);
    this.#agents.set(node.name, (await this.clientStatus(node)).pid);
  }

  /** Whether the agent of a node that has joined is alive. */
  hasAgent(node: Machine): boolean {
    return existsSync(`/proc/${this.#agents.get(node.name) ?? 0}`);
  }

  #runNcadm(words: readonly string[]) {
    return this.#stage.controller.run(this.#ncadmWords(words));
  }

  #ncadmWords(words: readonly string[]): readonly string[] {
    return ['ncadm', '--socket', this.#path(this.#stage.controller, 'admin.sock'), ...words];
  }

  #path(machine: Machine, file: string): string {
    return join(this.#stage.folderOf(machine), file);
  }

  #writeConfigs(): void {
    const { controller, nodes, serverSettings, device } = this.#stage;
    const server = { workDir: this.#path(controller, 'data'), adminSocket: this.#path(controller, 'admin.sock'), ...serverSettings };
    writeFileSync(this.#path(controller, 'server.yml'), stringifyYaml({ mode: 'server', server }), { mode: 0o644 });
    for (const node of nodes) {
      const client = { name: node.name, device, stateDir: this.#path(node, 'state'), services: this.#stage.offers(node) };
      writeFileSync(this.#path(node, 'client.yml'), stringifyYaml({ mode: 'client', client }), { mode: 0o644 });
    }
  }
}
