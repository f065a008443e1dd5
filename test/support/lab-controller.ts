import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { AdminServiceClient, CreateTokenRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { LabAgent } from './lab-agent.js';
import type { LabProcess } from './lab-process.js';
import type { Lab } from './lab.js';
import { tmpDir } from './tmp-dir.js';
import { until } from './until.js';

/** Where the controller of a lab is. */
const CONTROLLER = '203.0.113.10';

/** The real `nc-server` on a public machine `ctl` of a lab, and the nodes that have joined it. */
export class LabController {
  readonly #lab: Lab;
  readonly #folder = tmpDir();
  readonly #admin: AdminServiceClient;
  readonly #settings: Record<string, unknown>;
  #server: LabProcess | undefined;

  private constructor(lab: Lab, settings: Record<string, unknown>) {
    this.#lab = lab;
    const adminSocket = join(this.#folder, 'admin.sock');
    this.#settings = { ip: CONTROLLER, workDir: join(this.#folder, 'work'), adminSocket, metrics: { listen: '' }, ...settings };
    this.#admin = connect(AdminServiceClient, { socketPath: adminSocket });
    onTestFinished(() => this.#admin.close());
  }

  /**
   * Plugs machine `ctl` into the lab's public network and waits until the controller there serves.
   *
   * @param settings Keys below `server:` of its server.yml.
   */
  static async start(lab: Lab, settings: Record<string, unknown> = {}): Promise<LabController> {
    await lab.host('ctl', CONTROLLER);
    const controller = new LabController(lab, settings);
    await controller.startServer();
    return controller;
  }

  /** The controller's process. */
  get server(): LabProcess {
    if (this.#server === undefined) throw new Error('the controller was not started');
    return this.#server;
  }

  /**
   * Starts the controller, again on the same folder after {@link killServer}.
   *
   * @param changed Keys below `server:` that are different this time.
   */
  async startServer(changed: Record<string, unknown> = {}): Promise<void> {
    writeFileSync(this.#config, JSON.stringify({ server: { ...this.#settings, ...changed } }));
    const argv = [process.execPath, '--import', 'tsx', 'src/server/main.ts', '--config', this.#config];
    const server = this.#lab.spawn('ctl', argv, { name: 'nc-server' });
    this.#server = server;
    await until(() => {
      if (!server.isRunning) throw new Error(`nc-server ended: ${server.output()}`);
      return server.output().includes('"serving"');
    }, 'nc-server to serve', 60_000);
  }

  /** Ends the controller as a power cut would. */
  async killServer(): Promise<void> {
    await this.server.stop('SIGKILL');
  }

  /**
   * Lets a machine join; its agent does not run yet.
   *
   * @param settings Keys below `client:` of its client.yml.
   */
  async join(machine: string, settings: Record<string, unknown> = {}): Promise<LabAgent> {
    const { join: joinString } = await callUnary(this.#admin, 'createToken', CreateTokenRequest.fromPartial({}));
    return LabAgent.join(this.#lab, machine, join(this.#folder, machine), joinString, settings);
  }

  /** Lets the others send what is for `prefix` through `node`, as soon as it offers that. */
  async approve(node: string, prefix: string): Promise<void> {
    await until(async () => {
      const { routes } = await callUnary(this.#admin, 'listRoutes', { network: '' });
      return routes.some((route) => route.nodeName === node && route.prefix === prefix && route.advertised);
    }, `${node} to offer ${prefix}`, 60_000);
    await callUnary(this.#admin, 'approveRoute', { node, network: '', prefix });
  }

  /** Takes that back. */
  async revoke(node: string, prefix: string): Promise<void> {
    await callUnary(this.#admin, 'revokeRoute', { node, network: '', prefix });
  }

  /** Makes room for a relay. @returns Its join string. */
  async relayJoin(name: string, endpoint: string): Promise<string> {
    return (await callUnary(this.#admin, 'createRelay', { name, endpoints: [endpoint], expireMs: 0 })).join;
  }

  async revokeRelay(name: string): Promise<void> {
    await callUnary(this.#admin, 'revokeRelay', { name });
  }

  get #config(): string {
    return join(this.#folder, 'server.yml');
  }
}
