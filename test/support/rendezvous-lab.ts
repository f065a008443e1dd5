import type { RendezvousLimits } from '../../src/server/rendezvous/limits.js';
import type { RendezvousStats } from '../../src/server/rendezvous/rendezvous.js';
import { newKeyPair, type KeyPair } from '../../src/platform/wireguard/protocol/x25519.js';
import { capabilities } from './lab-capabilities.js';
import type { NatKind } from './lab-nat.js';
import type { LabProcess } from './lab-process.js';
import { aLab } from './lab-vitest.js';
import type { Lab, PingResult } from './lab.js';
import type { RendezvousProcessOptions } from './rendezvous-process.js';
import { NETWORK } from './rendezvous.js';
import { until } from './until.js';

const PROGRAM = new URL('./rendezvous-process.ts', import.meta.url).pathname;
const PORT = 6441;
const HUB = '203.0.113.10';
const HUB6 = '2001:db8::10';

/** Root without a single capability is what an ordinary user is, and can still read a checkout that belongs to root. */
const UNPRIVILEGED = ['setpriv', '--bounding-set=-all', '--inh-caps=-all'];

/** What the rendezvous process wrote: one event per line. */
export type HubEvent = Readonly<Record<string, unknown>> & { readonly event: string };

/** A machine that runs the rendezvous, as {@link RendezvousLab} starts it. */
export class Hub {
  constructor(
    readonly keys: KeyPair,
    readonly process: LabProcess,
  ) {}

  /** The events of one kind, oldest first. */
  events(event: string): HubEvent[] {
    const lines = this.process.output().split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
    return lines.map((line) => JSON.parse(line) as HubEvent).filter((each) => each.event === event);
  }

  event(event: string): HubEvent | undefined {
    return this.events(event).at(-1);
  }

  async stats(): Promise<RendezvousStats> {
    return this.#tell('stats');
  }

  async remove(nodeId: string): Promise<void> {
    await this.#tell(`remove ${nodeId}`);
  }

  async #tell(line: string): Promise<RendezvousStats> {
    const before = this.events('stats').length;
    this.process.child.stdin.write(`${line}\n`);
    return until(() => this.events('stats')[before] as unknown as RendezvousStats | undefined, 'the rendezvous to answer');
  }
}

/** A lab of machines that run real WireGuard, and one that runs the rendezvous. Machine `n1` is node 1, and so on. */
export class RendezvousLab {
  readonly lab: Lab = aLab();
  readonly #keys = new Map<string, KeyPair>();
  /** By which address each node reaches the hub. */
  readonly #hubOf = new Map<string, string>();
  #hub: Hub | undefined;

  /** Public machines `n1`… on one switch, at 203.0.113.11…, and the hub. */
  static async open(nodes: number, limits: Partial<RendezvousLimits> = {}): Promise<RendezvousLab> {
    const lab = new RendezvousLab();
    await lab.lab.wan();
    for (let i = 1; i <= nodes; i++) await lab.lab.host(`n${i}`, `203.0.113.${10 + i}`);
    await lab.#startHub(nodes, limits);
    return lab;
  }

  /** Two machines, each behind a NAT of its own, and the hub. */
  static async behindNats(kinds: readonly NatKind[]): Promise<RendezvousLab> {
    const lab = new RendezvousLab();
    await lab.lab.wan();
    for (const [at, kind] of kinds.entries()) {
      const i = at + 1;
      await lab.lab.router(`r${i}`, `203.0.113.${20 + i}`, [`192.168.${i}`], kind);
      await lab.lab.behind(`n${i}`, `r${i}`, `192.168.${i}.2`);
    }
    await lab.#startHub(kinds.length, {});
    return lab;
  }

  get hub(): Hub {
    if (this.#hub === undefined) throw new Error('the hub is not started');
    return this.#hub;
  }

  /** The overlay address of `n1`… */
  overlay(node: string): string {
    return `10.66.0.${10 + Number(node.slice(1))}`;
  }

  /** Raises WireGuard on a machine with the hub as its peer. */
  async wireguard(node: string, options: { keepaliveSeconds?: number; over?: 'ip4' | 'ip6' } = {}): Promise<void> {
    if (capabilities().kernelWireGuard) await this.lab.ip(node, 'link add wg0 type wireguard');
    else await this.#wireguardGo(node);
    const secret = this.#keys.get(node)!.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32).toString('base64');
    await this.lab.exec(node, ['sh', '-c', 'umask 077; echo "$SECRET" >/run/wg.key; wg set wg0 private-key /run/wg.key'], { env: { SECRET: secret } });
    await this.lab.ip(node, `addr add ${this.overlay(node)}/24 dev wg0`);
    await this.lab.ip(node, `addr add fd00:66::${10 + Number(node.slice(1))}/64 dev wg0 nodad`);
    await this.lab.ip(node, 'link set wg0 mtu 1280 up');
    this.#hubOf.set(node, options.over === 'ip6' ? HUB6 : HUB);
    const allowed = `${NETWORK.bindIp}/32,${NETWORK.bindIp6}/128`;
    await this.#setPeer(node, this.hub.keys, allowed, options.keepaliveSeconds ?? 25, this.#hubOf.get(node));
  }

  /** Makes two nodes peers that reach each other through the relay: first who answers, then who begins. */
  async introduce(a: string, b: string): Promise<void> {
    await this.#setPeer(b, this.#keys.get(a)!, `${this.overlay(a)}/32`, 0, this.#hubOf.get(b));
    await this.#setPeer(a, this.#keys.get(b)!, `${this.overlay(b)}/32`, 25, this.#hubOf.get(a));
  }

  /** Waits until a ping from one node to another is answered. */
  async reaches(from: string, to: string, limitMs?: number): Promise<PingResult> {
    return until(
      async () => {
        const result = await this.lab.ping(from, this.overlay(to));
        return result.received > 0 && result;
      },
      `${to} to answer ${from}`,
      limitMs,
    );
  }

  /** UDP port of a node's WireGuard. */
  async listenPort(node: string): Promise<number> {
    return Number((await this.lab.exec(node, ['wg', 'show', 'wg0', 'listen-port'])).stdout);
  }

  async #setPeer(node: string, peer: KeyPair, allowed: string, keepaliveSeconds: number, hub = HUB): Promise<void> {
    const endpoint = hub.includes(':') ? `[${hub}]:${PORT}` : `${hub}:${PORT}`;
    const argv = ['wg', 'set', 'wg0', 'peer', peer.publicKey.toString('base64'), 'endpoint', endpoint];
    await this.lab.exec(node, [...argv, 'persistent-keepalive', String(keepaliveSeconds), 'allowed-ips', allowed]);
  }

  async #wireguardGo(node: string): Promise<void> {
    const process = this.lab.spawn(node, ['wireguard-go', '-f', 'wg0'], { env: { WG_PROCESS_FOREGROUND: '1', LOG_LEVEL: 'error' } });
    await until(async () => {
      if (!process.isRunning) throw new Error(`wireguard-go ended: ${process.output()}`);
      return this.lab.exec(node, ['wg', 'show', 'wg0']).then(() => true, () => false);
    }, 'wireguard-go');
  }

  async #startHub(nodes: number, limits: Partial<RendezvousLimits>): Promise<void> {
    await this.lab.host('hub', HUB);
    await this.lab.ip('hub', `addr add ${HUB6}/64 dev eth0 nodad`);
    const names = Array.from({ length: nodes }, (_, i) => `n${i + 1}`);
    for (const name of names) this.#keys.set(name, newKeyPair());
    const keys = newKeyPair();
    const options: RendezvousProcessOptions = {
      privateKey: keys.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32).toString('base64'),
      host: '::',
      port: PORT,
      networks: [NETWORK],
      peers: names.map((name) => ({
        nodeId: name,
        network: NETWORK.name,
        wgPublicKey: this.#keys.get(name)!.publicKey.toString('base64'),
        bindIp: this.overlay(name),
        bindIp6: `fd00:66::${10 + Number(name.slice(1))}`,
      })),
      limits,
    };
    const argv = [...UNPRIVILEGED, process.execPath, '--import', 'tsx', PROGRAM, JSON.stringify(options)];
    this.#hub = new Hub(keys, this.lab.spawn('hub', argv, { name: 'rendezvous' }));
    await until(() => {
      if (!this.hub.process.isRunning) throw new Error(`the rendezvous ended: ${this.hub.process.output()}`);
      return this.hub.event('ready');
    }, 'the rendezvous');
  }
}
