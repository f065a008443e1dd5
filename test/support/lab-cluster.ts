import { X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { withAgent } from '../../src/client/agent-client.js';
import type { Membership } from '../../src/client/state/membership.js';
import { StateFolder } from '../../src/client/state/state-folder.js';
import { AdminServiceClient, CreateTokenRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import type { AgentServiceGetStatusResponse } from '../../src/gen/networkcontroller/v1/agent.js';
import { PathKind } from '../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../src/platform/log.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { formatWireGuardKey, parseWireGuardKey, wireGuardPublicKey } from '../../src/platform/wireguard/keys.js';
import { aLab } from './lab-vitest.js';
import type { LabProcess } from './lab-process.js';
import type { Lab, PingStream } from './lab.js';
import { tmpDir } from './tmp-dir.js';
import { until } from './until.js';

/** One line of a program's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly time: string; readonly message: string };

/** Generous: a busy machine starts these programs one after the other. */
const START_MS = 120_000;
const DIRECT_MS = 300_000;
/** As long as the agents need for some attempts. */
const PATIENCE_MS = 15_000;
const CONTROLLER = 'controller';
const CONTROLLER_ADDRESS = '203.0.113.10';

/** A machine of a {@link LabCluster} that has joined. */
export class LabNode {
  /** The agent's process; another one after each start. */
  agent: LabProcess | undefined;

  constructor(
    readonly name: string,
    readonly folder: string,
    /** As it was right after the join. */
    readonly joined: Membership,
  ) {}

  get address(): string {
    return this.joined.facts.bindIp;
  }

  /** In base64. */
  get wgPublicKey(): string {
    return formatWireGuardKey(wireGuardPublicKey(parseWireGuardKey(this.joined.keys.wireguard)));
  }

  get firstCertificate(): X509Certificate {
    return new X509Certificate(this.joined.grpcCertificate);
  }

  /** As it is now. */
  membership(): Membership {
    return StateFolder.open(join(this.folder, 'state'), silentLog).membership()!;
  }

  status(): Promise<AgentServiceGetStatusResponse> {
    return withAgent(join(this.folder, 'state', 'agent.sock'), (agent) => agent.status());
  }

  log(): LogLine[] {
    return logLines(join(this.folder, 'log'));
  }
}

/** The three programs as processes on machines of a lab, with real WireGuard between the nodes. */
export class LabCluster {
  readonly admin: AdminServiceClient;
  readonly nodes: LabNode[] = [];
  #controller: LabProcess | undefined;
  #changes = 1;

  private constructor(
    readonly lab: Lab,
    readonly folder: string,
  ) {
    this.admin = connect(AdminServiceClient, { socketPath: join(folder, 'admin.sock') });
    onTestFinished(() => this.admin.close());
  }

  /**
   * Starts a controller and lets the machines `names` join it, all with public addresses; gone when the test is over.
   *
   * @param settings Keys below `server:` of its server.yml.
   */
  static async start(names: readonly string[], settings: Record<string, unknown> = {}): Promise<LabCluster> {
    const folder = tmpDir();
    const cluster = new LabCluster(aLab(), folder);
    await cluster.#buildMachines(names);
    await cluster.startController(settings);
    cluster.nodes.push(...(await Promise.all(names.map((name) => cluster.#join(name)))));
    for (const node of cluster.nodes) cluster.startAgent(node);
    return cluster;
  }

  /** Starts the controller, in the place of the one that runs. Traffic and memberships outlive that. */
  async startController(settings: Record<string, unknown>): Promise<void> {
    await this.#controller?.stop();
    const config = join(this.folder, 'server.yml');
    const server = { ip: CONTROLLER_ADDRESS, workDir: join(this.folder, 'work'), logDir: join(this.folder, 'log'), adminSocket: join(this.folder, 'admin.sock'), ...settings };
    writeFileSync(config, JSON.stringify({ server }));
    const process = this.lab.spawn(CONTROLLER, this.#program('server', ['--config', config]), { name: 'nc-server' });
    this.#controller = process;
    await until(async () => {
      if (!process.isRunning) throw new Error(`nc-server ended: ${process.output()}`);
      return callUnary(this.admin, 'getCaStatus', {}).catch(() => undefined);
    }, 'nc-server to answer', START_MS);
  }

  /** Starts the agent of a node that has joined, with more words for `nc-client up`, if any. */
  startAgent(node: LabNode, words: readonly string[] = [], env: Record<string, string> = {}): void {
    const argv = this.#program('client', ['--config', join(node.folder, 'client.yml'), 'up', ...words]);
    node.agent = this.lab.spawn(node.name, argv, { name: `${node.name}: nc-client`, env });
  }

  /** As a power cut would. */
  async killController(): Promise<void> {
    await this.#controller?.stop('SIGKILL');
  }

  /**
   * Waits until every node reaches every other without the relay: as long as that is tried packets may take a wrong turn. On a busy machine
   * the attempts fail, and after some of them the agents wait for an hour or until the network changes, so it is changed.
   */
  async untilDirect(): Promise<void> {
    let nextMs = Date.now() + PATIENCE_MS;
    await until(async () => {
      const indirect = await this.#indirect();
      if (indirect.length === 0 || Date.now() < nextMs) return indirect.length === 0;
      nextMs = Date.now() + PATIENCE_MS;
      const change = this.#changes++;
      for (const { name } of indirect) await this.lab.ip(name, `addr add 198.51.100.${change % 250}/32 dev lo`);
      return false;
    }, 'direct paths between all nodes', DIRECT_MS);
  }

  /** Ten pings a second until stopped. */
  pinging(from: LabNode, to: LabNode): PingStream {
    return this.lab.pinging(from.name, to.address, 0.1);
  }

  /** The WireGuard keys of the peers that the kernel or wireguard-go has on `node` right now. @see wg(8) */
  async peersOn(node: LabNode): Promise<string[]> {
    const { stdout } = await this.lab.exec(node.name, ['wg', 'show', 'nc0', 'peers']);
    return stdout.split('\n').filter((line) => line !== '');
  }

  /** Pulls the network cable of a machine out of the switch, or puts it back. */
  async plug(node: LabNode, state: 'up' | 'down'): Promise<void> {
    await this.lab.ip('wan', `link set p${node.name}eth0 ${state}`);
  }

  /** What the controller has logged. */
  log(): LogLine[] {
    return logLines(join(this.folder, 'log'));
  }

  /** The nodes that do not reach all others directly. */
  async #indirect(): Promise<LabNode[]> {
    const all = await Promise.all(this.nodes.map(async (node) => ({ node, paths: await pathsOf(node) })));
    const isDirect = (paths: ReadonlyMap<string, PathKind>, other: LabNode): boolean => paths.get(other.address) === PathKind.PATH_KIND_DIRECT;
    return all.filter(({ node, paths }) => !this.nodes.every((other) => other === node || isDirect(paths, other))).map(({ node }) => node);
  }

  async #buildMachines(names: readonly string[]): Promise<void> {
    await this.lab.wan();
    await this.lab.host(CONTROLLER, CONTROLLER_ADDRESS);
    for (const [index, name] of names.entries()) await this.lab.host(name, `203.0.113.${11 + index}`);
  }

  async #join(name: string): Promise<LabNode> {
    const folder = join(this.folder, name);
    mkdirSync(folder);
    const [config, file] = [join(folder, 'client.yml'), join(folder, 'join')];
    writeFileSync(config, JSON.stringify({ client: { name, stateDir: join(folder, 'state'), logDir: join(folder, 'log') } }));
    writeFileSync(file, (await callUnary(this.admin, 'createToken', CreateTokenRequest.fromPartial({}))).join, { mode: 0o600 });
    await this.lab.exec(name, this.#program('client', ['--config', config, 'join', '--no-up', '--file', file]), { timeoutMs: START_MS });
    return new LabNode(name, folder, StateFolder.open(join(folder, 'state'), silentLog).membership()!);
  }

  #program(program: 'server' | 'client', words: readonly string[]): string[] {
    return [process.execPath, '--import', 'tsx', `src/${program}/main.ts`, ...words];
  }
}

/** The kind of path by overlay address; empty while there is no agent to ask. */
async function pathsOf(node: LabNode): Promise<ReadonlyMap<string, PathKind>> {
  const status = await node.status().catch(() => undefined);
  return new Map((status?.peers ?? []).map(({ bindIp, path }) => [bindIp, path]));
}

/** All lines of a log folder, oldest first. The last may be half written. */
function logLines(folder: string): LogLine[] {
  const files = readdirSync(folder).filter((name) => /-log_[\d-]+\.log$/.test(name)).sort();
  const lines = files.flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1));
  return lines.map((line) => JSON.parse(line) as LogLine);
}
