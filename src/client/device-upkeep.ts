import { DomainError } from '../domain/errors.js';
import type { NetworkConfig, Peer } from '../gen/networkcontroller/v1/types.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { Device, DeviceConfig, DevicePeer } from '../platform/wireguard/device.js';
import { Applier } from './applier.js';
import type { AwakePeers, LazyPeers } from './lazy/lazy-peers.js';
import type { MapStore, NetworkMap } from './map-store.js';
import type { Paths } from './path-types.js';
import { planDevice, type PlanSelf } from './plan.js';
import { resolveEndpoints } from './resolve-endpoints.js';

/** How often the interface is looked at as a whole: somebody else may have changed it, which nothing tells. */
const LOOK_MS = 60_000;

/** What the device is kept with. */
export interface DeviceUpkeepDeps {
  readonly self: PlanSelf;
  readonly maps: MapStore;
  readonly device: Device;
  readonly paths: Paths;
  /** Decides who is configured of very many; undefined to have all. */
  readonly lazy: LazyPeers | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Name of the node through which everything else leaves; empty for none. */
  readonly exit: string;
  /** Makes the machine around the interface fit the map; never fails. */
  shape(map: NetworkMap): Promise<void>;
  /** Node id → the direct endpoint to begin with. */
  direct(): Readonly<Record<string, string>>;
  /** The interface listens on this UDP port. */
  onListening(port: number, network: NetworkConfig): void;
}

/**
 * Makes the device be what the verified map says, and makes it again when it is lost.
 *
 * A change of peers is told to the device as just that. The whole is compared with what the machine shows at the start, after a failure or a
 * loss, when the network itself has changed, and once a minute.
 */
export class DeviceUpkeep {
  readonly #deps: DeviceUpkeepDeps;
  readonly #applier: Applier;
  #error = '';
  #isLost = false;
  #configured = false;
  #appliedRevision = 0n;
  readonly #planned = new WeakMap<Peer, DevicePeer>();
  /** The network that all was last made to fit, and what its endpoints were resolved to; undefined before that, and after a failure. */
  #fitted: { readonly from: NetworkMap; readonly network: NetworkConfig; readonly doubts: number } | undefined;
  /** How often there was a reason to look at all. */
  #doubts = 0;
  #cancelLook = (): void => {};

  constructor(deps: DeviceUpkeepDeps) {
    this.#deps = deps;
    this.#applier = new Applier(deps.clock, () => this.#apply(), (error) => this.#onFailure(error as Error));
  }

  /** Why the device is not as it should be, or empty. */
  get error(): string {
    return this.#error;
  }

  /** Whether the device has been configured from a map. */
  get configured(): boolean {
    return this.#configured;
  }

  /** Of the map that the device was configured from last. */
  get appliedRevision(): bigint {
    return this.#appliedRevision;
  }

  start(): void {
    const { device, clock } = this.#deps;
    device.onLost((reason) => this.#onLost(reason));
    this.#cancelLook = clock.every(LOOK_MS, () => this.#lookAgain());
  }

  /** The map says something else now. */
  request(): void {
    this.#applier.request();
  }

  /** Waits for what is under way; the device stays as it is. Idempotent. */
  async stop(): Promise<void> {
    this.#cancelLook();
    await this.#applier.stop();
  }

  async #apply(): Promise<void> {
    const { maps, paths, lazy } = this.#deps;
    const map = maps.current();
    if (map === undefined) return;
    const [fitted, doubts] = [this.#fitted, this.#doubts];
    // Until all has gone well nothing is known.
    this.#fitted = undefined;
    const awake = map.network.interconnection ? await lazy?.choose(map.peers) : undefined;
    const network = fitted?.doubts === doubts && isSameNetwork(fitted.from, map) ? await this.#amend(map, fitted.network, awake) : await this.#fit(map, awake);
    paths.setPeers(network.interconnection ? (awake?.peers ?? map.peers) : [], network.controller, network.interconnection ? map.relays : []);
    if (this.#isLost) paths.deviceRestored();
    this.#isLost = false;
    this.#error = '';
    this.#configured = true;
    this.#appliedRevision = map.revision;
    requireEndpoint(map.network.controller?.endpoints ?? [], network.controller?.endpoints ?? []);
    this.#fitted = { from: map, network, doubts };
  }

  async #amend(map: NetworkMap, network: NetworkConfig, awake: AwakePeers | undefined): Promise<NetworkConfig> {
    await this.#deps.device.amend(this.#plan(map, network, awake));
    return network;
  }

  /** The interface, what is around it, and what was learnt from it. */
  async #fit(map: NetworkMap, awake: AwakePeers | undefined): Promise<NetworkConfig> {
    const { device, shape, onListening } = this.#deps;
    const network = await withResolvedController(map.network);
    await device.set(this.#plan(map, network, awake));
    await shape({ ...map, network });
    onListening((await device.observe())?.listenPort ?? 0, network);
    return network;
  }

  #plan({ peers, routers, relays }: NetworkMap, network: NetworkConfig, lazy: AwakePeers | undefined): DeviceConfig {
    const { self, exit, direct } = this.#deps;
    return planDevice({ self, network, peers: lazy?.peers ?? peers, routers, relays, exit, direct: direct(), lazy, planned: this.#planned });
  }

  #lookAgain(): void {
    if (!this.#configured) return;
    this.#doubts++;
    this.#applier.request();
  }

  #onFailure(error: Error): void {
    if (this.#error !== error.message) this.#deps.log.warn('the interface could not be configured; trying again', { reason: error.message });
    this.#error = error.message;
  }

  #onLost(reason: string): void {
    this.#deps.log.warn('the interface was lost; making it again', { reason });
    this.#isLost = true;
    this.#doubts++;
    this.#error = reason;
    this.#applier.request();
  }
}

/** Whether at most peers differ that lead nowhere but to themselves. */
function isSameNetwork(before: NetworkMap, now: NetworkMap): boolean {
  return before.network === now.network && before.self === now.self && sameItems(before.routers, now.routers) && sameItems(before.relays, now.relays);
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

async function withResolvedController(network: NetworkConfig): Promise<NetworkConfig> {
  const { controller } = network;
  if (controller === undefined) return network;
  return { ...network, controller: { ...controller, endpoints: await resolveEndpoints(controller.endpoints) } };
}

/** The interface is as good as it can be, but nothing goes out: worth saying and worth another try. */
function requireEndpoint(named: readonly string[], resolved: readonly string[]): void {
  if (named.length > 0 && resolved.length === 0) {
    throw new DomainError('unavailable', `${named.join(', ')}: the controller's host name does not resolve`);
  }
}
