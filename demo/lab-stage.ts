import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Capture } from '../test/support/lab-capture.js';
import { capabilities } from '../test/support/lab-capabilities.js';
import { Lab } from '../test/support/lab.js';
import { LocalMachine } from './local-machine.js';
import type { Machine } from './machine.js';
import { ourProgram, PACKAGE } from './programs.js';
import { APP, PATIENCE_MS, type Stage, type Wire, type WireWatch } from './stage.js';

/** Debian's "nobody": an ordinary user whose only right is to be there. */
const NOBODY = 65_534;
const CONTROLLER_ADDRESS = '203.0.113.10';
/** The controller inside the tunnel, which the nodes' own resolver asks. */
const NAME_SERVER = '10.66.0.1';
const INTERFACE = 'nc0';
const NODES = ['web-1', 'web-2', 'web-3'];
/** Seconds a single ping is waited for: a hundred times what one takes here. */
const PING_WAIT_SECONDS = 0.1;

/** What a stage can be told beside its defaults. */
export interface LabStageOptions {
  /** Of nc-server, beside the stage's own. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** How long one command may take: more on a slow machine. */
  readonly patienceMs?: number;
}

/** Machines made of network namespaces: a public controller, three nodes on different subnets behind one NAT router. */
export class LabStage implements Stage, Wire {
  readonly controller: LocalMachine;
  readonly nodes: readonly LocalMachine[];
  readonly wire = this;
  readonly serverSettings: Readonly<Record<string, unknown>>;
  readonly nameServer = [`@${NAME_SERVER}`];
  readonly device = 'auto';
  readonly patienceMs: number;
  readonly #lab = new Lab();
  readonly #folder = mkdtempSync(join(tmpdir(), 'nc-demo-'));

  private constructor({ settings = {}, patienceMs = PATIENCE_MS }: LabStageOptions) {
    this.serverSettings = { ip: CONTROLLER_ADDRESS, ...settings };
    this.patienceMs = patienceMs;
    this.controller = new LocalMachine('controller', (argv) => this.#asNobody(argv), { HOME: this.folderOf({ name: 'controller' }) }, patienceMs);
    this.nodes = NODES.map((name) => new LocalMachine(name, (argv) => this.#lab.commandOn(name, ourProgram(argv)), {}, patienceMs));
  }

  /** What is real here and what is not. */
  static description(): string {
    const kind = capabilities().kernelWireGuard ? "the kernel's WireGuard" : 'wireguard-go';
    return `Network namespaces as machines, real packets, ${kind}; the controller runs as an ordinary user (uid ${NOBODY}).\n`;
  }

  /** Raises the machines and lays the cables. */
  static async raise(options: LabStageOptions = {}): Promise<LabStage> {
    const stage = new LabStage(options);
    try {
      await stage.#build();
      return stage;
    } catch (error) {
      await stage.#clear();
      throw error;
    }
  }

  offers({ name }: { readonly name: string }): readonly object[] {
    const { node, service, port } = APP;
    return name === node ? [{ name: service, port, check: { url: `http://127.0.0.1:${port}/`, interval: '500ms' } }] : [];
  }

  folderOf({ name }: { readonly name: string }): string {
    return join(this.#folder, name);
  }

  async firstPing(from: Machine, address: string, signal: AbortSignal): Promise<number> {
    const startedMs = performance.now();
    while (!signal.aborted) {
      const { received } = await this.#lab.ping(from.name, address, { waitSeconds: PING_WAIT_SECONDS });
      if (received > 0) return performance.now() - startedMs;
      await sleep(20);
    }
    throw new Error(`${from.name} got no answer from ${address}`);
  }

  async reaches(from: Machine, address: string, count = 1): Promise<boolean> {
    const { received } = await this.#lab.ping(from.name, address, { count, waitSeconds: 0.5 });
    return received > 0;
  }

  pinging(from: Machine, address: string): { stop(): Promise<{ sent: number; received: number }> } {
    return this.#lab.pinging(from.name, address, 0.05);
  }

  async watch(node: Machine): Promise<WireWatch> {
    const outside = await this.#lab.capture(node.name, 'eth0', 'udp');
    let inside: Capture | undefined;
    return {
      watchInside: async () => {
        inside = await this.#lab.capture(node.name, INTERFACE);
      },
      packets: () => ({ outside: outside.frames(), inside: inside?.frames() ?? [] }),
    };
  }

  lookAround(): readonly string[] {
    const on = (machine: LocalMachine, words: string): string => machine.enter(words.split(' ')).join(' ');
    const [first] = this.nodes as [LocalMachine];
    return [
      on(this.controller, `ncadm --socket ${this.folderOf(this.controller)}/admin.sock status`),
      on(first, `nc-client --config ${this.folderOf(first)}/client.yml status`),
      on(first, 'wg show'),
      on(first, `nc-client --config ${this.folderOf(first)}/client.yml ping web-2`),
      ...this.nodes.map((node) => `${on(node, 'bash')}   # a shell on ${node.name}`),
    ];
  }

  logs(): string {
    return [this.controller, ...this.nodes].map((machine) => machine.logs()).join('');
  }

  async strike(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.run(['nc-client', '--config', `${this.folderOf(node)}/client.yml`, 'down'])));
    await this.controller.stop();
    await this.#clear();
  }

  leftovers(): readonly string[] {
    const namespaces = execFileSync('ip', ['netns', 'list']).toString().split('\n').filter((name) => name.startsWith(`${this.#lab.prefix}-`));
    return [...namespaces, ...[this.#folder].filter((folder) => existsSync(folder))];
  }

  /** The machines themselves, on which nothing runs any more. */
  async #clear(): Promise<void> {
    await this.#lab.destroy();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #build(): Promise<void> {
    const lab = this.#lab;
    await lab.wan();
    await lab.host('controller', CONTROLLER_ADDRESS);
    await lab.router('router', '203.0.113.21', NODES.map((_, index) => `192.168.${index + 1}`), 'cone');
    for (const [index, name] of NODES.entries()) await lab.behind(name, 'router', `192.168.${index + 1}.2`, { lan: index, resolvConf: `nameserver ${NAME_SERVER}\n` });
    for (const name of ['controller', ...NODES]) mkdirSync(join(this.#folder, name), { mode: 0o700 });
    chownSync(this.#folder, NOBODY, NOBODY);
    chownSync(this.folderOf(this.controller), NOBODY, NOBODY);
    await this.#showPackage();
  }

  /** Shows the package and Node.js to a user who may not look into root's home. */
  async #showPackage(): Promise<void> {
    const script = 'mkdir /run/package && mount --bind "$1" /run/package && : >/run/node && mount --bind "$2" /run/node';
    await this.#lab.exec('controller', ['sh', '-c', script, 'sh', PACKAGE, process.execPath]);
  }

  #asNobody(argv: readonly string[]): readonly string[] {
    const drop = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--inh-caps=-all', '--bounding-set=-all', '--no-new-privs'];
    return this.#lab.commandOn('controller', [...drop, ...ourProgram(argv, '/run/node', '/run/package')], '/');
  }
}
