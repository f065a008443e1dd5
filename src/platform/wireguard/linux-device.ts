import type { ChildProcess } from 'node:child_process';
import { rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { DomainError } from '../../domain/errors.js';
import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import { run, RunError } from '../run.js';
import type { Device, DeviceConfig, DevicePeer, DeviceState } from './device.js';
import { formatWireGuardKey, parseWireGuardKey, wireGuardPublicKey } from './keys.js';
import { readInterface, readOtherRoutes, runTool, shapeInterface, shapeRoutes, type InterfaceState } from './network-interface.js';
import { findOverlap } from './overlap.js';
import { chunkArguments, newPeer, peerDiff } from './peer-diff.js';
import { parseShowDump } from './show-dump.js';
import { SOCKET_FOLDER, startWireGuardGo } from './wireguard-go.js';

/** How soon a deleted interface is noticed where no child's end tells of it. */
const WATCH_MS = 250;

/** Seconds between keepalives of a peer that has been steered. */
const KEEPALIVE_SECONDS = 25;

/** What a {@link LinuxDevice} is made of. */
export interface LinuxDeviceOptions {
  readonly interfaceName: string;
  /** A 0700 folder for the log of wireguard-go and, for moments, the private key. */
  readonly folder: string;
  /** `auto` takes the kernel's WireGuard where it has one. */
  readonly prefer: 'auto' | 'kernel' | 'wireguard-go';
  /** Base64: whose interface {@link LinuxDevice.remove} may take away when nothing has been set in this process. */
  readonly publicKey?: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * WireGuard on Linux through `ip` and `wg`: the kernel's, or wireguard-go in a process that outlives this one.
 *
 * Every change is a difference against what the interface shows, so nothing that is right is touched: an interface that an
 * earlier agent has left running is taken over without the loss of a packet.
 */
export class LinuxDevice implements Device {
  readonly interfaceName: string;
  readonly #options: LinuxDeviceOptions;
  #kind: 'kernel' | 'wireguard-go';
  #publicKey: string;
  #config: DeviceConfig | undefined;
  #child: ChildProcess | undefined;
  #listenPort = 0;
  #sparedRoutes = '';
  #stopWatch: (() => void) | undefined;
  #onLost: (reason: string) => void = () => {};
  #queue: Promise<unknown> = Promise.resolve();
  #sends: { publicKey: string; words: (peer: DevicePeer) => string[] }[] = [];
  #sending: Promise<void> | undefined;

  constructor(options: LinuxDeviceOptions) {
    this.#options = options;
    this.interfaceName = options.interfaceName;
    this.#kind = options.prefer === 'wireguard-go' ? 'wireguard-go' : 'kernel';
    this.#publicKey = options.publicKey ?? '';
  }

  get kind(): 'kernel' | 'wireguard-go' {
    return this.#kind;
  }

  set(config: DeviceConfig): Promise<void> {
    return this.#inTurn(() => this.#apply(config));
  }

  async observe(): Promise<DeviceState | undefined> {
    if (this.#config === undefined) return undefined;
    try {
      return parseShowDump((await run('wg', ['show', this.interfaceName, 'dump'])).stdout);
    } catch (error) {
      if (error instanceof RunError) return undefined;
      throw error;
    }
  }

  steer(publicKey: string, endpoint: string, options: { readonly fresh?: boolean } = {}): Promise<void> {
    return this.#send(publicKey, (peer) =>
      // Removed and added in one call, the peer has neither session nor back-off.
      options.fresh === true
        ? ['peer', publicKey, 'remove', ...newPeer({ ...peer, endpoint, persistentKeepalive: KEEPALIVE_SECONDS })]
        : ['peer', publicKey, 'endpoint', endpoint, ...sendNow(publicKey)],
    );
  }

  nudge(publicKey: string): Promise<void> {
    return this.#send(publicKey, () => ['peer', publicKey, ...sendNow(publicKey)]);
  }

  onLost(listener: (reason: string) => void): void {
    this.#onLost = listener;
  }

  release(): Promise<void> {
    return this.#inTurn(() => Promise.resolve(this.#stopWatching()));
  }

  remove(): Promise<void> {
    return this.#inTurn(async () => {
      this.#stopWatching();
      const found = await readInterface(this.interfaceName);
      if (found !== undefined && (await this.#isOurs(found))) await this.#delete(found);
      this.#config = undefined;
      rmSync(this.#logPath, { force: true });
      rmSync(this.#keyPath, { force: true });
    });
  }

  /** Gathers what is asked for until its turn comes, for one `wg set`. A peer that is no longer configured is left out. */
  #send(publicKey: string, words: (peer: DevicePeer) => string[]): Promise<void> {
    this.#sends.push({ publicKey, words });
    this.#sending ??= this.#inTurn(async () => {
      const sends = this.#sends;
      this.#sends = [];
      this.#sending = undefined;
      const peers = new Map(this.#config?.peers.map((peer) => [peer.publicKey, peer]));
      const lists = sends.flatMap((send) => {
        const peer = peers.get(send.publicKey);
        return peer === undefined ? [] : [send.words(peer)];
      });
      for (const chunk of chunkArguments(lists)) await this.#wgSet(chunk);
    });
    return this.#sending;
  }

  async #apply(config: DeviceConfig): Promise<void> {
    const publicKey = formatWireGuardKey(wireGuardPublicKey(parseWireGuardKey(config.privateKey)));
    const adopted = await this.#adopt(publicKey);
    const routes = await this.#usableRoutes(config);
    // Up to here the machine was only looked at.
    const found = adopted ?? (await this.#create());
    this.#config = config;
    await shapeInterface(this.interfaceName, found, config);
    const state = await this.#awaitSocket();
    if (state.publicKey !== publicKey) await this.#setPrivateKey(config.privateKey);
    this.#publicKey = publicKey;
    this.#listenPort = await this.#setPort(config.listenPort, state.listenPort);
    for (const words of chunkArguments(peerDiff(state.peers, config.peers))) await this.#wgSet(words);
    await shapeRoutes(this.interfaceName, routes);
    this.#watch();
  }

  /**
   * The wanted routes without those to a network that this machine is in itself: a node of an office needs no way to the office.
   *
   * @throws DomainError `network_overlap` when the overlay itself collides with one.
   */
  async #usableRoutes(config: DeviceConfig): Promise<string[]> {
    const others = await readOtherRoutes(this.interfaceName);
    for (const address of config.addresses) {
      const other = findOverlap(address, others);
      if (other === undefined) continue;
      const where = other.device === '' ? '' : ` on ${other.device}`;
      throw new DomainError(
        'network_overlap',
        `network: ${address} overlaps with ${other.destination}${where}, which this machine has already; give the overlay another prefix or take that one away`,
      );
    }
    const [usable, spared] = partition(config.routes, (route) => findOverlap(route, others) === undefined);
    if (spared.join() !== this.#sparedRoutes) this.#options.log.warn('routes left out: this machine is in these networks itself', { routes: spared });
    this.#sparedRoutes = spared.join();
    return usable;
  }

  /** The interface of that name if there is one and it is ours. @throws DomainError `device_failed` when it is somebody else's. */
  async #adopt(publicKey: string): Promise<InterfaceState | undefined> {
    const found = await readInterface(this.interfaceName);
    if (found === undefined) return undefined;
    if (!(await this.#isOurs(found, publicKey))) {
      throw new DomainError(
        'device_failed',
        `interfaceName: ${this.interfaceName} exists and is not this node's WireGuard interface; choose another name, or take it away with "ip link delete ${this.interfaceName}"`,
      );
    }
    this.#kind = found.kind === 'wireguard' ? 'kernel' : 'wireguard-go';
    return found;
  }

  /** An interface without a key is what an agent leaves that was killed between making and configuring it. */
  async #isOurs(found: InterfaceState, publicKey = this.#publicKey): Promise<boolean> {
    if (found.kind !== 'wireguard' && found.kind !== 'tun') return false;
    try {
      const shown = parseShowDump((await run('wg', ['show', this.interfaceName, 'dump'])).stdout).publicKey;
      return shown === '' || shown === publicKey || shown === this.#publicKey;
    } catch (error) {
      if (error instanceof RunError) return false;
      throw error;
    }
  }

  async #create(): Promise<InterfaceState> {
    if (this.#options.prefer === 'wireguard-go' || !(await this.#createInKernel())) await this.#createInUserspace();
    const made = await readInterface(this.interfaceName);
    if (made === undefined) throw new DomainError('device_failed', `device: the interface ${this.interfaceName} went away while it was made`);
    this.#options.log.info('interface made', { interfaceName: this.interfaceName, kind: this.#kind });
    return made;
  }

  /** @returns whether the kernel has WireGuard. */
  async #createInKernel(): Promise<boolean> {
    try {
      await run('ip', ['link', 'add', 'dev', this.interfaceName, 'type', 'wireguard']);
      this.#kind = 'kernel';
      return true;
    } catch (error) {
      const lacking = error instanceof RunError && /Unknown device type|not supported/.test(error.stderr);
      if (lacking && this.#options.prefer === 'auto') return false;
      const why = lacking ? 'this kernel has no WireGuard; choose "device: auto" or load the module' : String(error);
      throw new DomainError('device_failed', `device: the interface ${this.interfaceName} could not be made: ${why}`, { cause: error });
    }
  }

  async #createInUserspace(): Promise<void> {
    const child = await startWireGuardGo(this.interfaceName, this.#logPath);
    child.once('exit', (code, signal) => {
      if (this.#child === child) this.#child = undefined;
      this.#lost(`wireguard-go ended with ${signal ?? code}`);
    });
    this.#child = child;
    this.#kind = 'wireguard-go';
  }

  /** wireguard-go opens its socket a moment after the interface is up; a port that is set before that is not checked. */
  async #awaitSocket(): Promise<DeviceState> {
    for (let tries = 0; tries < 200; tries++) {
      const state = await this.observe();
      if (state === undefined) break;
      if (state.listenPort !== 0) return state;
      // A port that was taken leaves wireguard-go without a socket, for ever; any other port opens one.
      if (tries === 100) await this.#wgSet(['listen-port', '0']);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new DomainError('device_failed', `device: the interface ${this.interfaceName} opened no UDP socket`);
  }

  async #setPrivateKey(privateKey: string): Promise<void> {
    writeFileSync(this.#keyPath, privateKey, { mode: 0o600 });
    try {
      await this.#wgSet(['private-key', this.#keyPath]);
    } finally {
      rmSync(this.#keyPath, { force: true });
    }
  }

  /** Keeps the port of the interface's former life where it can, because peers and NATs know it. @returns the port in use. */
  async #setPort(want: number, have: number): Promise<number> {
    const port = want || this.#listenPort || have;
    if (port === have) return have;
    try {
      await this.#wgSet(['listen-port', String(port)]);
      return port;
    } catch (error) {
      if (!(error instanceof DomainError) || !/already in use/.test(error.message)) throw error;
      // wireguard-go has closed its socket by now.
      await this.#wgSet(['listen-port', want === 0 ? '0' : String(have)]);
      if (want === 0) return (await this.#awaitSocket()).listenPort;
      throw new DomainError('port_taken', `listenPort: UDP port ${want} is taken; choose another, or 0 for any`, { cause: error });
    }
  }

  async #wgSet(words: readonly string[]): Promise<void> {
    await runTool('wg', ['set', this.interfaceName, ...words]);
  }

  async #delete(found: InterfaceState): Promise<void> {
    const ended = this.#child && new Promise((resolve) => this.#child?.once('exit', resolve));
    await runTool('ip', ['link', 'delete', 'dev', this.interfaceName]);
    await ended;
    if (found.kind === 'tun') removeSocket(this.interfaceName);
  }

  #watch(): void {
    this.#stopWatch ??= this.#options.clock.every(WATCH_MS, () => {
      if (networkInterfaces()[this.interfaceName] === undefined) this.#lost('the interface is gone');
    });
  }

  #stopWatching(): void {
    this.#stopWatch?.();
    this.#stopWatch = undefined;
  }

  /** Tells once of each loss: watching begins again with the next {@link set}. */
  #lost(reason: string): void {
    if (this.#stopWatch === undefined) return;
    this.#stopWatching();
    this.#options.log.warn('interface lost', { interfaceName: this.interfaceName, reason });
    this.#onLost(reason);
  }

  /** One change after the other: two that overlap would each compute its difference against a state that the other is changing. */
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(task);
    this.#queue = result.catch(() => {});
    return result;
  }

  get #logPath(): string {
    return join(this.#options.folder, `${this.interfaceName}.wireguard-go.log`);
  }

  get #keyPath(): string {
    return join(this.#options.folder, `${this.interfaceName}.key.tmp`);
  }
}

function partition(routes: readonly string[], isUsable: (route: string) => boolean): [string[], string[]] {
  return [routes.filter(isUsable), routes.filter((route) => !isUsable(route))];
}

/** A keepalive that is turned on makes WireGuard send one at once. */
function sendNow(publicKey: string): string[] {
  return ['persistent-keepalive', '0', 'peer', publicKey, 'persistent-keepalive', String(KEEPALIVE_SECONDS)];
}

/** wireguard-go leaves its socket when it is not asked to end, and the folder always. */
function removeSocket(interfaceName: string): void {
  rmSync(join(SOCKET_FOLDER, `${interfaceName}.sock`), { force: true });
  try {
    rmdirSync(SOCKET_FOLDER);
  } catch (error) {
    if (!['ENOTEMPTY', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
