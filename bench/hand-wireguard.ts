import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatWireGuardKey, generateWireGuardKeys } from '../src/platform/wireguard/keys.js';
import type { Lab } from '../test/support/lab.js';

/** The interface that was configured by hand. By its name the agents know it for another overlay, and do not go through it. */
export const HAND = 'wt0';

const PORT = 51_999;

/**
 * What somebody types who has no controller; the kernel's WireGuard where there is one, as the agent does it. In a session of its own, as
 * the agent's is, because on a busy machine each session gets the same share of the CPU. @see sched(7), the autogroup feature
 */
const UP = `ip link add ${HAND} type wireguard 2>/dev/null || setsid wireguard-go ${HAND} >/dev/null 2>&1
wg setconf ${HAND} "$1"
ip address add "$2" dev ${HAND}
ip link set ${HAND} mtu "$3" up`;

/** One machine of a pair that is configured by hand. */
export interface HandSide {
  readonly machine: string;
  /** In the overlay, "10.99.0.1". */
  readonly overlay: string;
  /** Where the other one sends, "203.0.113.11", or a forwarder with its port. */
  readonly reachedAt: string;
}

/** WireGuard between two machines of a lab, configured with wg(8) and ip(8) beside the agent's own interface. */
export class HandWireGuard {
  readonly #lab: Lab;
  readonly #folder: string;
  readonly #mtu: number;
  readonly #sides: readonly HandSide[];

  private constructor(lab: Lab, folder: string, mtu: number, sides: readonly HandSide[]) {
    this.#lab = lab;
    this.#folder = folder;
    this.#mtu = mtu;
    this.#sides = sides;
  }

  /** Makes the interface on both. @param folder For their configuration, which holds keys. */
  static async start(lab: Lab, folder: string, mtu: number, sides: readonly [HandSide, HandSide]): Promise<HandWireGuard> {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const hand = new HandWireGuard(lab, folder, mtu, sides);
    const keys = sides.map(() => generateWireGuardKeys());
    for (const [index, { machine }] of sides.entries()) {
      const [own, other, peer] = [keys[index]!, keys[1 - index]!, sides[1 - index]!];
      const endpoint = peer.reachedAt.includes(':') ? peer.reachedAt : `${peer.reachedAt}:${PORT}`;
      const lines = ['[Interface]', `PrivateKey = ${formatWireGuardKey(own.privateKey)}`, `ListenPort = ${PORT}`, '[Peer]', `PublicKey = ${formatWireGuardKey(other.publicKey)}`];
      writeFileSync(join(folder, machine), [...lines, `AllowedIPs = ${peer.overlay}/32`, `Endpoint = ${endpoint}`, 'PersistentKeepalive = 25', ''].join('\n'), { mode: 0o600 });
      await hand.up(machine);
    }
    return hand;
  }

  /** Makes the interface on one of them. */
  async up(machine: string): Promise<void> {
    const side = this.#sides.find((each) => each.machine === machine)!;
    await this.#lab.exec(machine, ['sh', '-ec', UP, 'sh', join(this.#folder, machine), `${side.overlay}/24`, String(this.#mtu)]);
  }

  /** Takes it away from one of them. */
  async down(machine: string): Promise<void> {
    await this.#lab.ip(machine, `link del ${HAND}`);
  }
}
