import { fileURLToPath } from 'node:url';
import type { DeviceConfig, PeerState } from '../../src/platform/wireguard/device.js';
import { formatWireGuardKey, generateWireGuardKeys } from '../../src/platform/wireguard/keys.js';
import type { DriverRequest } from './device-driver.js';
import type { LabProcess } from './lab-process.js';
import type { Lab } from './lab.js';
import { until } from './until.js';

const DRIVER = fileURLToPath(new URL('device-driver.ts', import.meta.url));

/** A WireGuard key pair in base64. */
export interface Keys {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** New keys for a device. */
export function someKeys(): Keys {
  const { privateKey, publicKey } = generateWireGuardKeys();
  return { privateKey: formatWireGuardKey(privateKey), publicKey: formatWireGuardKey(publicKey) };
}

/** What a device in a lab shows, with its peers as a list. */
export interface ShownDevice {
  readonly publicKey: string;
  readonly listenPort: number;
  readonly peers: readonly PeerState[];
}

/** A `LinuxDevice` that lives in a machine of a lab, driven from the test. */
export class LabDevice {
  readonly process: LabProcess;
  #lastId = 0;

  constructor(lab: Lab, machine: string, options: { interfaceName?: string; folder?: string; publicKey?: string; prefer?: string } = {}) {
    const argv = [options.interfaceName ?? 'wg0', options.folder ?? '/run', options.publicKey ?? '', options.prefer ?? 'auto'];
    this.process = lab.spawn(machine, [process.execPath, '--import', 'tsx', DRIVER, ...argv]);
  }

  async set(config: DeviceConfig): Promise<void> {
    await this.#ask({ op: 'set', config });
  }

  async amend(config: DeviceConfig): Promise<void> {
    await this.#ask({ op: 'amend', config });
  }

  async observe(): Promise<ShownDevice | undefined> {
    return ((await this.#ask({ op: 'observe' })) ?? undefined) as ShownDevice | undefined;
  }

  async steer(publicKey: string, endpoint: string, fresh = false): Promise<void> {
    await this.#ask({ op: 'steer', publicKey, endpoint, fresh });
  }

  async open(endpoints: readonly string[]): Promise<void> {
    await this.#ask({ op: 'open', endpoints });
  }

  async kind(): Promise<string> {
    return (await this.#ask({ op: 'kind' })) as string;
  }

  async release(): Promise<void> {
    await this.#ask({ op: 'release' });
  }

  async remove(): Promise<void> {
    await this.#ask({ op: 'remove' });
  }

  /** The reasons of the losses told so far. */
  losses(): string[] {
    return this.#lines().flatMap((line) => (line['lost'] === undefined ? [] : String(line['lost'])));
  }

  async #ask(request: DriverRequest): Promise<unknown> {
    const id = ++this.#lastId;
    this.process.child.stdin.write(`${JSON.stringify({ id, ...request })}\n`);
    const answer = await until(() => {
      if (!this.process.isRunning) throw new Error(`the device's process ended: ${this.process.output()}`);
      return this.#lines().find((line) => line['id'] === id);
    }, `an answer to ${request.op}`);
    if (answer['error'] !== undefined) throw Object.assign(new Error(String(answer['message'])), { code: answer['error'] });
    return answer['result'];
  }

  #lines(): Record<string, unknown>[] {
    return this.process.output().split('\n').slice(0, -1).filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}
