import { rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { DomainError } from '../../domain/errors.js';
import { changedPart } from '../changed-part.js';
import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import { Turns } from '../turns.js';
import type { Device, DeviceConfig, DevicePeer, DeviceState } from './device.js';
import { HoleOpener } from './hole-opener.js';
import { formatWireGuardKey, parseWireGuardKey, wireGuardPublicKey } from './keys.js';
import { readOtherRoutes, runTool, shapeInterface, shapeRoutes } from './network-interface.js';
import { findOverlap } from './overlap.js';
import { chunkArguments, newPeer, peerChanges, peerDiff } from './peer-diff.js';
import { WireGuardLink } from './wireguard-link.js';

/** How soon a deleted interface is noticed where no child's end tells of it. */
const WATCH_MS = 250;

/** How long WireGuard gets to send the packets of {@link LinuxDevice.open}, in ms. */
const OPENING_MS = 1000;

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
  /** The UDP port that the interface had in an earlier life, before the machine was started anew, say; taken again where it is free. */
  readonly formerPort?: number;
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
  readonly #link: WireGuardLink;
  #publicKey: string;
  #config: DeviceConfig | undefined;
  /** Those of {@link #config} by public key. */
  #peers = new Map<string, DevicePeer>();
  /** Whether the interface was made to be as the configuration says, and nothing has been heard to the contrary. */
  #isAsConfigured = false;
  #listenPort = 0;
  #sparedRoutes = '';
  #stopWatch: (() => void) | undefined;
  #onLost: (reason: string) => void = () => {};
  readonly #holes = new HoleOpener();
  /** One change after the other: two that overlap would each compute its difference against a state that the other is changing. */
  readonly #turns = new Turns();
  #sends: { publicKey: string; words: (peer: DevicePeer) => string[] }[] = [];
  #sending: Promise<void> | undefined;

  constructor(options: LinuxDeviceOptions) {
    this.#options = options;
    this.interfaceName = options.interfaceName;
    this.#publicKey = options.publicKey ?? '';
    this.#listenPort = options.formerPort ?? 0;
    const { interfaceName, prefer } = options;
    this.#link = new WireGuardLink({ interfaceName, prefer, logPath: this.#logPath, onExit: (reason) => this.#lost(reason) });
  }

  get kind(): 'kernel' | 'wireguard-go' {
    return this.#link.kind;
  }

  set(config: DeviceConfig): Promise<void> {
    return this.#turns.take(() => this.#apply(config));
  }

  amend(config: DeviceConfig): Promise<void> {
    return this.#turns.take(() => this.#amend(config));
  }

  async observe(): Promise<DeviceState | undefined> {
    // Before the first configuration an interface of that name is somebody else's.
    const shown = this.#config === undefined ? undefined : await this.#link.show();
    return shown && { ...shown, peers: this.#holes.withoutStrangers(shown.peers) };
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

  open(endpoints: readonly string[]): Promise<void> {
    return this.#turns.take(async () => {
      const { send, remove } = this.#holes.open(endpoints);
      this.#options.clock.after(OPENING_MS, () => void this.#turns.take(() => this.#wgSetAll(remove).catch(ignoreGone)));
      await this.#wgSetAll(send);
    });
  }

  onLost(listener: (reason: string) => void): void {
    this.#onLost = listener;
  }

  release(): Promise<void> {
    return this.#turns.take(() => Promise.resolve(this.#stopWatching()));
  }

  remove(): Promise<void> {
    return this.#turns.take(async () => {
      this.#stopWatching();
      await this.#link.remove([this.#publicKey]);
      this.#config = undefined;
      this.#isAsConfigured = false;
      rmSync(this.#logPath, { force: true });
      rmSync(this.#keyPath, { force: true });
    });
  }

  /** Gathers what is asked for until its turn comes, for one `wg set`. A peer that is no longer configured is left out. */
  #send(publicKey: string, words: (peer: DevicePeer) => string[]): Promise<void> {
    this.#sends.push({ publicKey, words });
    this.#sending ??= this.#turns.take(async () => {
      const sends = this.#sends;
      this.#sends = [];
      this.#sending = undefined;
      const lists = sends.flatMap((send) => {
        const peer = this.#peers.get(send.publicKey);
        return peer === undefined ? [] : [send.words(peer)];
      });
      await this.#wgSetAll(lists);
    });
    return this.#sending;
  }

  async #wgSetAll(lists: readonly (readonly string[])[]): Promise<void> {
    for (const words of chunkArguments(lists)) await this.#wgSet(words);
  }

  async #amend(config: DeviceConfig): Promise<void> {
    if (!this.#isAsConfigured || this.#config === undefined || !sameButPeers(this.#config, config)) return this.#apply(config);
    const { gone, come } = changedPart(this.#config.peers, config.peers, isDeepStrictEqual);
    this.#config = config;
    for (const { publicKey } of gone) this.#peers.delete(publicKey);
    for (const peer of come) this.#peers.set(peer.publicKey, peer);
    this.#isAsConfigured = false;
    await this.#wgSetAll(peerChanges(byKey(gone), byKey(come)));
    // It may have been lost meanwhile.
    this.#isAsConfigured = this.#stopWatch !== undefined;
  }

  async #apply(config: DeviceConfig): Promise<void> {
    this.#isAsConfigured = false;
    const publicKey = formatWireGuardKey(wireGuardPublicKey(parseWireGuardKey(config.privateKey)));
    const adopted = await this.#link.adopt([publicKey, this.#publicKey]);
    const routes = await this.#usableRoutes(config);
    // Up to here the machine was only looked at.
    const found = adopted ?? (await this.#link.create());
    if (adopted === undefined) this.#options.log.info('interface made', { interfaceName: this.interfaceName, kind: this.kind });
    this.#config = config;
    this.#peers = byKey(config.peers);
    await shapeInterface(this.interfaceName, found, config);
    const state = await this.#awaitSocket();
    if (state.publicKey !== publicKey) await this.#setPrivateKey(config.privateKey);
    this.#publicKey = publicKey;
    if (adopted !== undefined) this.#listenPort = state.listenPort;
    this.#listenPort = await this.#setPort(config.listenPort, state.listenPort);
    if ((state.mark ?? 0) !== (config.mark ?? 0)) await this.#wgSet(['fwmark', String(config.mark ?? 0)]);
    await this.#wgSetAll(peerDiff(state.peers, config.peers));
    await shapeRoutes(this.interfaceName, routes);
    this.#isAsConfigured = true;
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
      if (!isPortTaken(error)) throw error;
      // wireguard-go has closed its socket by now; the kernel still holds its own, and says that this one is taken too.
      await this.#wgSet(['listen-port', String(have)]).catch((second: unknown) => {
        if (!isPortTaken(second)) throw second;
      });
      if (want === 0) return have;
      throw new DomainError('port_taken', `listenPort: UDP port ${want} is taken; choose another, or 0 for any`, { cause: error });
    }
  }

  async #wgSet(words: readonly string[]): Promise<void> {
    await runTool('wg', ['set', this.interfaceName, ...words]);
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
    this.#isAsConfigured = false;
    this.#options.log.warn('interface lost', { interfaceName: this.interfaceName, reason });
    this.#onLost(reason);
  }

  get #logPath(): string {
    return join(this.#options.folder, `${this.interfaceName}.wireguard-go.log`);
  }

  get #keyPath(): string {
    return join(this.#options.folder, `${this.interfaceName}.key.tmp`);
  }
}

function byKey(peers: readonly DevicePeer[]): Map<string, DevicePeer> {
  return new Map(peers.map((peer) => [peer.publicKey, peer]));
}

function sameButPeers({ peers: _, ...a }: DeviceConfig, { peers: __, ...b }: DeviceConfig): boolean {
  return isDeepStrictEqual(a, b);
}

/** An interface that is gone has taken its peers along. */
function ignoreGone(): void {}

function isPortTaken(error: unknown): boolean {
  return error instanceof DomainError && /already in use/.test(error.message);
}

function partition(routes: readonly string[], isUsable: (route: string) => boolean): [string[], string[]] {
  return [routes.filter(isUsable), routes.filter((route) => !isUsable(route))];
}

/** A keepalive that is turned on makes WireGuard send one at once. */
function sendNow(publicKey: string): string[] {
  return ['persistent-keepalive', '0', 'peer', publicKey, 'persistent-keepalive', String(KEEPALIVE_SECONDS)];
}
