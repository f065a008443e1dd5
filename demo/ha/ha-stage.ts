import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withAgent } from '../../src/client/agent-client.js';
import type { AgentServiceGetStatusResponse } from '../../src/gen/networkcontroller/v1/agent.js';
import { stringifyYaml } from '../../src/platform/yaml-config.js';
import { capabilities } from '../../test/support/lab-capabilities.js';
import { Lab } from '../../test/support/lab.js';
import { until } from '../../test/support/until.js';
import { LocalMachine } from '../local-machine.js';
import { succeed, type Running } from '../machine.js';
import type { Scene } from '../perform.js';
import { ourProgram } from '../programs.js';
import { EtcdTrio } from './etcd-trio.js';

/** A data centre: one controller with a member of etcd on one machine, two nodes on others, behind one router. */
export interface DataCentre {
  readonly name: string;
  readonly controller: LocalMachine;
  readonly address: string;
  readonly nodes: readonly LocalMachine[];
}

/** How long one command may take: a busy machine starts all these programs one after the other. */
const PATIENCE_MS = 120_000;
/** The keys that all controllers share. */
const SHARED = ['pki', 'wireguard.key'];

/** Three data centres made of network namespaces on a public network, beside them a machine `guest`. */
export class HaStage implements Scene {
  readonly centres: readonly DataCentre[];
  readonly etcd: EtcdTrio;
  readonly lab = new Lab();
  readonly folder = mkdtempSync(join(tmpdir(), 'nc-demo-'));
  /** A machine outside of all of them, on which new nodes join. */
  readonly guest = this.#machine('guest');
  readonly #servers = new Map<DataCentre, Running>();

  private constructor() {
    this.centres = [1, 2, 3].map((n): DataCentre => ({ name: `dc${n}`, controller: this.#machine(`c${n}`), address: `198.18.${n}.10`, nodes: [2 * n - 1, 2 * n].map((i) => this.#machine(`web-${i}`)) }));
    this.etcd = new EtcdTrio(this.lab, this.folder, this.centres.map(({ controller, address }) => ({ machine: controller.name, address })));
  }

  /** What is real here. */
  static description(): string {
    return `Network namespaces as machines, real packets, ${capabilities().kernelWireGuard ? "the kernel's WireGuard" : 'wireguard-go'}, ${execFileSync('etcd', ['--version']).toString().split('\n')[0]}.\n`;
  }

  /** Raises the machines and lays the cables. */
  static async raise(): Promise<HaStage> {
    const stage = new HaStage();
    try {
      await stage.#build();
      return stage;
    } catch (error) {
      await stage.strike();
      throw error;
    }
  }

  get nodes(): readonly LocalMachine[] {
    return this.centres.flatMap(({ nodes }) => nodes);
  }

  folderOf(name: string): string {
    return join(this.folder, name);
  }

  /** Starts the controller of a data centre and waits until it answers an admin. The first makes the secrets that all share. */
  async startController(centre: DataCentre): Promise<void> {
    const [first] = this.centres as readonly [DataCentre];
    const work = this.#workDir(centre);
    mkdirSync(work, { recursive: true, mode: 0o700 });
    if (centre !== first) for (const secret of SHARED) cpSync(join(this.#workDir(first), secret), join(work, secret), { recursive: true });
    const server = centre.controller.start(['nc-server', '--config', this.#file(centre.controller, 'server.yml')]);
    this.#servers.set(centre, server);
    await until(async () => {
      if (!server.isRunning) throw new Error(`nc-server on ${centre.controller.name} ended: ${server.output().trim().split('\n').slice(-5).join(' | ')}`);
      return (await centre.controller.run(this.#ncadmWords(centre, ['status', '--summary']))).exitCode === 0;
    }, `nc-server on ${centre.controller.name} to answer`, PATIENCE_MS);
  }

  /** Ends it as a power cut would. */
  async killController(centre: DataCentre): Promise<void> {
    await this.#servers.get(centre)?.stop('SIGKILL');
  }

  /** Pulls the cable of a whole data centre out of the public network, or puts it back. */
  async cable(centre: DataCentre, state: 'up' | 'down'): Promise<void> {
    await this.lab.ip('wan', `link set p${centre.name}wan0 ${state}`);
  }

  ncadm(centre: DataCentre, ...words: readonly string[]): Promise<string> {
    return succeed(centre.controller, this.#ncadmWords(centre, words));
  }

  /** Joins with the string on standard input; comes back when the agent runs and the tunnel is up. */
  async join(node: LocalMachine, joinString: string): Promise<string> {
    await succeed(node, ['nc-client', '--config', this.#file(node, 'client.yml'), 'join'], joinString);
    return (await this.status(node)).bindIp;
  }

  /** What the agent of a node says. */
  status(node: LocalMachine): Promise<AgentServiceGetStatusResponse> {
    return withAgent(join(this.folderOf(node.name), 'state', 'agent.sock'), (agent) => agent.status());
  }

  lookAround(): readonly string[] {
    const on = (machine: LocalMachine, words: string): string => machine.enter(words.split(' ')).join(' ');
    return [
      ...this.centres.map(({ controller }) => on(controller, `ncadm --socket ${this.#file(controller, 'admin.sock')} status`)),
      ...this.nodes.map((node) => on(node, `nc-client --config ${this.#file(node, 'client.yml')} status`)),
    ];
  }

  logs(): string {
    return this.centres.map(({ controller }) => controller.logs()).join('') + this.lab.logs();
  }

  async strike(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.run(['nc-client', '--config', this.#file(node, 'client.yml'), 'down']).catch(() => undefined)));
    await Promise.all(this.centres.map(({ controller }) => controller.stop()));
    await this.lab.destroy();
    rmSync(this.folder, { recursive: true, force: true });
  }

  leftovers(): readonly string[] {
    const namespaces = execFileSync('ip', ['netns', 'list']).toString().split('\n').filter((name) => name.startsWith(`${this.lab.prefix}-`));
    return [...namespaces, ...[this.folder].filter((folder) => existsSync(folder))];
  }

  async #build(): Promise<void> {
    await this.lab.wan();
    await this.lab.host(this.guest.name, '203.0.113.50');
    for (const [i, centre] of this.centres.entries()) {
      await this.lab.router(centre.name, `203.0.113.${11 + i}`, [`198.18.${i + 1}`], 'none');
      await this.lab.behind(centre.controller.name, centre.name, centre.address);
      for (const [k, node] of centre.nodes.entries()) await this.lab.behind(node.name, centre.name, `198.18.${i + 1}.${20 + k}`);
    }
    for (const { name } of [...this.nodes, ...this.centres.map(({ controller }) => controller)]) mkdirSync(this.folderOf(name), { mode: 0o700 });
    this.#writeConfigs();
  }

  /** All name the three in the same order: nodes that have no direct path yet have to meet at one of them. */
  #writeConfigs(): void {
    const ip = this.centres.map(({ address }) => address);
    for (const [i, { controller, nodes }] of this.centres.entries()) {
      const server = { ip, workDir: this.folderOf(`${controller.name}/data`), adminSocket: this.#file(controller, 'admin.sock'), metrics: { listen: '' }, store: this.etcd.settings(i) };
      writeFileSync(this.#file(controller, 'server.yml'), stringifyYaml({ mode: 'server', server }));
      for (const node of nodes) writeFileSync(this.#file(node, 'client.yml'), stringifyYaml({ mode: 'client', client: { name: node.name, stateDir: this.#file(node, 'state') } }));
    }
  }

  #machine(name: string): LocalMachine {
    return new LocalMachine(name, (argv) => this.lab.commandOn(name, ourProgram(argv)), { HOME: join(this.folder, name) }, PATIENCE_MS);
  }

  #ncadmWords({ controller }: DataCentre, words: readonly string[]): readonly string[] {
    return ['ncadm', '--socket', this.#file(controller, 'admin.sock'), ...words];
  }

  #workDir({ controller }: DataCentre): string {
    return this.#file(controller, 'data');
  }

  #file({ name }: LocalMachine, file: string): string {
    return join(this.folderOf(name), file);
  }
}
