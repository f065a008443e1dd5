import { DomainError } from '../domain/errors.js';
import type { NetworkConfig } from '../gen/networkcontroller/v1/types.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { Device } from '../platform/wireguard/device.js';
import { Applier } from './applier.js';
import type { MapStore, NetworkMap } from './map-store.js';
import type { Paths } from './path-types.js';
import { planDevice, type PlanSelf } from './plan.js';
import { resolveEndpoints } from './resolve-endpoints.js';

/** What the device is kept with. */
export interface DeviceUpkeepDeps {
  readonly self: PlanSelf;
  readonly maps: MapStore;
  readonly device: Device;
  readonly paths: Paths;
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

/** Makes the device be what the verified map says, and makes it again when it is lost. */
export class DeviceUpkeep {
  readonly #deps: DeviceUpkeepDeps;
  readonly #applier: Applier;
  #error = '';
  #isLost = false;
  #configured = false;
  #appliedRevision = 0n;

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
    this.#deps.device.onLost((reason) => this.#onLost(reason));
  }

  /** The map says something else now. */
  request(): void {
    this.#applier.request();
  }

  /** Waits for what is under way; the device stays as it is. Idempotent. */
  async stop(): Promise<void> {
    await this.#applier.stop();
  }

  async #apply(): Promise<void> {
    const { maps, device, paths, self, exit, direct, shape, onListening } = this.#deps;
    const map = maps.current();
    if (map === undefined) return;
    const network = await withResolvedController(map.network);
    await device.set(planDevice({ self, network, peers: map.peers, relays: map.relays, exit, direct: direct() }));
    await shape({ ...map, network });
    onListening((await device.observe())?.listenPort ?? 0, network);
    paths.setPeers(network.interconnection ? map.peers : [], network.controller, network.interconnection ? map.relays : []);
    if (this.#isLost) paths.deviceRestored();
    this.#isLost = false;
    this.#error = '';
    this.#configured = true;
    this.#appliedRevision = map.revision;
    requireEndpoint(map.network.controller?.endpoints ?? [], network.controller?.endpoints ?? []);
  }

  #onFailure(error: Error): void {
    if (this.#error !== error.message) this.#deps.log.warn('the interface could not be configured; trying again', { reason: error.message });
    this.#error = error.message;
  }

  #onLost(reason: string): void {
    this.#deps.log.warn('the interface was lost; making it again', { reason });
    this.#isLost = true;
    this.#error = reason;
    this.#applier.request();
  }
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
