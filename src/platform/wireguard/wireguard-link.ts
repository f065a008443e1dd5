import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { DomainError } from '../../domain/errors.js';
import { run, RunError } from '../run.js';
import type { DeviceState } from './device.js';
import { readInterface, runTool, type InterfaceState } from './network-interface.js';
import { parseGivenBytes, parseShowDump } from './show-dump.js';
import { removeSocket, removeSocketFolder, startWireGuardGo } from './wireguard-go.js';

/** What a {@link WireGuardLink} is made of. */
export interface WireGuardLinkOptions {
  readonly interfaceName: string;
  /** `auto` takes the kernel's WireGuard where it has one. */
  readonly prefer: 'auto' | 'kernel' | 'wireguard-go';
  /** File for the complaints of wireguard-go. */
  readonly logPath: string;
  /** Called when a wireguard-go that this process started has ended. */
  onExit(reason: string): void;
}

/** The interface as such: found and recognised, made in the kernel or by wireguard-go, taken away. */
export class WireGuardLink {
  readonly #options: WireGuardLinkOptions;
  #kind: 'kernel' | 'wireguard-go';
  #child: ChildProcess | undefined;

  constructor(options: WireGuardLinkOptions) {
    this.#options = options;
    this.#kind = options.prefer === 'wireguard-go' ? 'wireguard-go' : 'kernel';
  }

  get kind(): 'kernel' | 'wireguard-go' {
    return this.#kind;
  }

  /** What WireGuard shows; undefined when there is nothing that it answers for. */
  async show(): Promise<DeviceState | undefined> {
    try {
      const { interfaceName } = this.#options;
      const { stdout } = await run('wg', ['show', interfaceName, 'dump']);
      return parseShowDump(stdout, parseGivenBytes(await readFile('/proc/net/dev', 'utf8'), interfaceName));
    } catch (error) {
      if (error instanceof RunError) return undefined;
      throw error;
    }
  }

  /**
   * Finds the interface where an earlier agent has left it running.
   *
   * @param publicKeys Those by which it is recognised as ours.
   * @returns Undefined when there is none of that name.
   * @throws DomainError `device_failed` when it is somebody else's.
   */
  async adopt(publicKeys: readonly string[]): Promise<InterfaceState | undefined> {
    const { interfaceName } = this.#options;
    const found = await readInterface(interfaceName);
    if (found === undefined) return undefined;
    if (!(await this.#isOurs(found, publicKeys))) {
      throw new DomainError(
        'device_failed',
        `interfaceName: ${interfaceName} exists and is not this node's WireGuard interface; choose another name, or take it away with "ip link delete ${interfaceName}"`,
      );
    }
    this.#kind = found.kind === 'wireguard' ? 'kernel' : 'wireguard-go';
    return found;
  }

  /** Makes the interface. @throws DomainError `device_failed` with what is missing or what was said. */
  async create(): Promise<InterfaceState> {
    const { interfaceName, prefer } = this.#options;
    if (prefer === 'wireguard-go' || !(await this.#createInKernel())) await this.#createInUserspace();
    const made = await readInterface(interfaceName);
    if (made === undefined) throw new DomainError('device_failed', `device: the interface ${interfaceName} went away while it was made`);
    return made;
  }

  /** Takes the interface away if it is there and ours, and what wireguard-go leaves behind. */
  async remove(publicKeys: readonly string[]): Promise<void> {
    const { interfaceName } = this.#options;
    const found = await readInterface(interfaceName);
    if (found === undefined) return removeSocketFolder();
    if (!(await this.#isOurs(found, publicKeys))) return;
    const ended = this.#child && new Promise((resolve) => this.#child?.once('exit', resolve));
    await runTool('ip', ['link', 'delete', 'dev', interfaceName]);
    await ended;
    if (found.kind === 'tun') removeSocket(interfaceName);
  }

  /** An interface without a key is what an agent leaves that was killed between making and configuring it. */
  async #isOurs(found: InterfaceState, publicKeys: readonly string[]): Promise<boolean> {
    if (found.kind !== 'wireguard' && found.kind !== 'tun') return false;
    const shown = await this.show();
    return shown !== undefined && (shown.publicKey === '' || publicKeys.includes(shown.publicKey));
  }

  /** @returns whether the kernel has WireGuard. */
  async #createInKernel(): Promise<boolean> {
    const { interfaceName, prefer } = this.#options;
    try {
      await run('ip', ['link', 'add', 'dev', interfaceName, 'type', 'wireguard']);
      this.#kind = 'kernel';
      return true;
    } catch (error) {
      const isLacking = error instanceof RunError && /Unknown device type|not supported/.test(error.stderr);
      if (isLacking && prefer === 'auto') return false;
      const why = isLacking ? 'this kernel has no WireGuard; choose "device: auto" or load the module' : String(error);
      throw new DomainError('device_failed', `device: the interface ${interfaceName} could not be made: ${why}`, { cause: error });
    }
  }

  async #createInUserspace(): Promise<void> {
    const { interfaceName, logPath, onExit } = this.#options;
    const child = await startWireGuardGo(interfaceName, logPath);
    child.once('exit', (code, signal) => {
      if (this.#child === child) this.#child = undefined;
      onExit(`wireguard-go ended with ${signal ?? code}`);
    });
    this.#child = child;
    this.#kind = 'wireguard-go';
  }
}
