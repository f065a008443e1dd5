import { createSocket } from 'node:dgram';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalMachine } from './local-machine.js';
import { ourProgram } from './programs.js';
import { APP, PATIENCE_MS, type Stage } from './stage.js';

const NODES = ['web-1', 'web-2', 'web-3'];

/** Processes on this one machine, for whoever may not make namespaces: all of it is real but the packets. */
export class RecordedStage implements Stage {
  readonly controller: LocalMachine;
  readonly nodes: readonly LocalMachine[];
  readonly wire = undefined;
  readonly serverSettings: Readonly<Record<string, unknown>>;
  readonly nameServer: readonly string[];
  readonly device = 'recorded';
  readonly patienceMs = PATIENCE_MS;
  readonly #folder = mkdtempSync(join(tmpdir(), 'nc-demo-'));

  private constructor(ports: readonly [number, number, number, number, number]) {
    const [bootstrapPort, grpcPort, httpsPort, port, dnsPort] = ports;
    this.serverSettings = { ip: '127.0.0.1', bindAddress: '127.0.0.1', bootstrapPort, grpcPort, httpsPort, port, dns: { listen: [`127.0.0.1:${dnsPort}`] }, metrics: { listen: '' } };
    this.nameServer = ['@127.0.0.1', '-p', String(dnsPort)];
    const machine = (name: string) => new LocalMachine(name, (argv) => ourProgram(argv), { HOME: this.folderOf({ name }), XDG_RUNTIME_DIR: this.folderOf({ name }) });
    this.controller = machine('controller');
    this.nodes = NODES.map(machine);
  }

  /** What is real here and what is not. @param missing What a lab would need. */
  static description(missing: string): string {
    return `NO PACKETS: a network of real machines needs ${missing}.\nThe nodes have a recorded device, which carries nothing and keeps what it is told. All else is real.\n`;
  }

  /** Makes the folders and finds the ports. */
  static async raise(): Promise<RecordedStage> {
    const stage = new RecordedStage([await freeTcpPort(), await freeTcpPort(), await freeTcpPort(), await freeUdpPort(), await freeUdpPort()]);
    for (const name of ['controller', ...NODES]) mkdirSync(stage.folderOf({ name }), { mode: 0o700 });
    return stage;
  }

  /** Without a health check, because there is no machine of its own for the app. */
  offers({ name }: { readonly name: string }): readonly object[] {
    return name === APP.node ? [{ name: APP.service, port: APP.port }] : [];
  }

  folderOf({ name }: { readonly name: string }): string {
    return join(this.#folder, name);
  }

  lookAround(): readonly string[] {
    const on = (machine: LocalMachine, words: string): string => machine.enter(words.split(' ')).join(' ');
    const [first] = this.nodes as [LocalMachine];
    return [
      on(this.controller, `ncadm --socket ${this.folderOf(this.controller)}/admin.sock status`),
      on(first, `nc-client --config ${this.folderOf(first)}/client.yml status`),
    ];
  }

  logs(): string {
    return [this.controller, ...this.nodes].map((machine) => machine.logs()).join('');
  }

  async strike(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.run(['nc-client', '--config', `${this.folderOf(node)}/client.yml`, 'down'])));
    await this.controller.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  leftovers(): readonly string[] {
    return [this.#folder].filter((folder) => existsSync(folder));
  }
}

/** A port that nobody has at the moment: the controller must come back to the same ones after its death. */
function freeTcpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function freeUdpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4').once('error', reject);
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}
