import { fileURLToPath } from 'node:url';
import type { PathState } from '../../src/client/path-types.js';
import { PeerSignal } from '../../src/gen/networkcontroller/v1/node.js';
import { Endpoint_Kind, NetworkConfig, Peer } from '../../src/gen/networkcontroller/v1/types.js';
import { parseWireGuardKey } from '../../src/platform/wireguard/keys.js';
import { someKeys, type Keys } from './lab-device.js';
import type { LabProcess } from './lab-process.js';
import type { Lab } from './lab.js';
import type { PathRequest } from './path-driver.js';
import { until } from './until.js';

const CONTROLLER = '203.0.113.10';
const RELAY_PORT = 51_820;
const driver = (name: string) => fileURLToPath(new URL(`${name}.ts`, import.meta.url));

/** One node of a {@link LabOverlay}. */
interface OverlayNode {
  readonly keys: Keys;
  readonly bindIp: string;
  process: LabProcess;
  connected: boolean;
  /** Lines of its output that have been dealt with. */
  dealt: number;
}

/**
 * An overlay in a lab: the real rendezvous and relay on machine `ctl`, on each node the real device and paths; the test
 * itself is the control plane and passes the signals.
 */
export class LabOverlay {
  readonly #lab: Lab;
  readonly #nodes = new Map<string, OverlayNode>();
  readonly #controllerKeys = someKeys();
  readonly #reflexive = new Map<string, string>();
  #rendezvous!: LabProcess;
  #rendezvousDealt = 0;
  readonly #pump: NodeJS.Timeout;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#pump = setInterval(() => this.#passSignals(), 2);
    this.#pump.unref();
  }

  /** Starts the rendezvous and a node on each of `machines`, and waits until the rendezvous sees them all. */
  async start(machines: readonly string[]): Promise<void> {
    for (const [index, machine] of machines.entries()) {
      const keys = someKeys();
      const node = { keys, bindIp: `10.66.0.${11 + index}`, connected: false, dealt: 0 };
      this.#nodes.set(machine, { ...node, process: this.#spawnNode(machine, keys, node.bindIp) });
    }
    await this.startRendezvous();
    this.map();
    await until(() => machines.every((machine) => this.#reflexive.has(machine)), 'the rendezvous to see every node');
    this.connect();
  }

  async startRendezvous(): Promise<void> {
    this.#reflexive.clear();
    this.#rendezvousDealt = 0;
    const argv = [process.execPath, '--import', 'tsx', driver('rendezvous-driver'), this.#controllerKeys.privateKey, String(RELAY_PORT)];
    this.#rendezvous = this.#lab.spawn('ctl', argv, { name: 'rendezvous' });
    await until(() => this.#rendezvous.output().includes('ready'), 'the rendezvous');
    for (const [nodeId, { keys, bindIp }] of this.#nodes) {
      this.#rendezvous.child.stdin.write(`${JSON.stringify({ nodeId, publicKey: keys.publicKey, bindIp })}\n`);
    }
  }

  async killRendezvous(): Promise<void> {
    await this.#rendezvous.stop('SIGKILL');
  }

  /** Gives nodes the network map. */
  map(machines: readonly string[] = [...this.#nodes.keys()], direct: Readonly<Record<string, string>> = {}): void {
    const network = NetworkConfig.fromPartial({
      name: 'default',
      cidr: '10.66.0.0/24',
      mtu: 1280,
      interconnection: true,
      controller: { wgPublicKey: parseWireGuardKey(this.#controllerKeys.publicKey), bindIp: '10.66.0.1', endpoints: [`${CONTROLLER}:${RELAY_PORT}`], probeEndpoints: [`${CONTROLLER}:${RELAY_PORT + 1}`] },
    });
    for (const machine of machines) {
      const peers = [...this.#nodes].filter(([id]) => id !== machine);
      this.tell(machine, {
        op: 'map',
        network: toBase64(NetworkConfig.encode(network).finish()),
        direct,
        peers: peers.map(([nodeId, { keys, bindIp }]) => toBase64(Peer.encode(Peer.fromPartial({ nodeId, bindIp, wgPublicKey: parseWireGuardKey(keys.publicKey) })).finish())),
      });
    }
  }

  connect(machines: readonly string[] = [...this.#nodes.keys()]): void {
    for (const machine of machines) {
      this.#node(machine).connected = true;
      this.tell(machine, { op: 'connected' });
    }
  }

  disconnect(machines: readonly string[] = [...this.#nodes.keys()]): void {
    for (const machine of machines) {
      this.#node(machine).connected = false;
      this.tell(machine, { op: 'disconnected' });
    }
  }

  tell(machine: string, request: PathRequest): void {
    this.#node(machine).process.child.stdin.write(`${JSON.stringify(request)}\n`);
  }

  addressOf(machine: string): string {
    return this.#node(machine).bindIp;
  }

  /** Every state that the path between two nodes has had, oldest first. */
  history(from: string, to: string): { kind: PathState['kind']; endpoint: string; atMs: number }[] {
    return lines(this.#node(from).process)
      .filter((line) => (line['path'] as PathState | undefined)?.nodeId === to)
      .map((line) => ({ ...(line['path'] as PathState), atMs: Number(line['atMs']) }));
  }

  /** How packets travel between two nodes, as the first sees it. */
  path(from: string, to: string): PathState['kind'] {
    return this.history(from, to).at(-1)?.kind ?? 'none';
  }

  /** Waits until both ends see their path so. */
  async both(a: string, b: string, kind: PathState['kind']): Promise<void> {
    await until(() => this.path(a, b) === kind && this.path(b, a) === kind, `${a} and ${b} to be ${kind}`);
  }

  async reaches(from: string, to: string): Promise<void> {
    await until(async () => (await this.#lab.ping(from, this.addressOf(to), { waitSeconds: 0.3 })).received > 0, `${from} to reach ${to}`);
  }

  #spawnNode(machine: string, keys: Keys, bindIp: string): LabProcess {
    return this.#lab.spawn(machine, [process.execPath, '--import', 'tsx', driver('path-driver'), JSON.stringify({ ...keys, bindIp })], { name: machine });
  }

  /** Starts the node's program anew; its interface has been left running or not. */
  async restart(machine: string): Promise<void> {
    const node = this.#node(machine);
    await node.process.stop('SIGKILL');
    Object.assign(node, { process: this.#spawnNode(machine, node.keys, node.bindIp), connected: false, dealt: 0 });
  }

  #node(machine: string): OverlayNode {
    const node = this.#nodes.get(machine);
    if (node === undefined) throw new Error(`no node ${machine}`);
    return node;
  }

  #passSignals(): void {
    for (const line of lines(this.#rendezvous).slice(this.#rendezvousDealt)) {
      this.#rendezvousDealt++;
      if (line['endpoint'] === undefined) continue;
      this.#reflexive.set(String(line['nodeId']), String(line['endpoint']));
      this.tell(String(line['nodeId']), { op: 'reflexive', address: String(line['endpoint']) });
    }
    for (const [machine, node] of this.#nodes) {
      for (const line of lines(node.process).slice(node.dealt)) {
        node.dealt++;
        if (line['send'] !== undefined) this.#deliver(machine, Number(line['sendId']), line['send'] as string[]);
      }
    }
  }

  #deliver(machine: string, sendId: number, signals: readonly string[]): void {
    const undelivered = signals.map((signal) => PeerSignal.decode(Buffer.from(signal, 'base64'))).filter((signal) => {
      const addressee = this.#nodes.get(signal.nodeId);
      if (addressee?.connected !== true || !this.#node(machine).connected) return true;
      const seen = this.#reflexive.get(machine);
      const candidates = [...signal.candidates, ...(seen === undefined ? [] : [{ address: seen, kind: Endpoint_Kind.KIND_REFLEXIVE }])];
      this.tell(signal.nodeId, { op: 'signal', signal: toBase64(PeerSignal.encode({ ...signal, nodeId: machine, candidates }).finish()) });
      return false;
    });
    this.tell(machine, { op: 'sent', sendId, undelivered: undelivered.map(({ nodeId }) => nodeId) });
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function lines(process: LabProcess | undefined): Record<string, unknown>[] {
  const whole = process?.output().split('\n').slice(0, -1) ?? [];
  return whole.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>);
}
