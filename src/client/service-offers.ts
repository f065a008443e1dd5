import type { ServiceState } from '../gen/networkcontroller/v1/node.js';
import { Service } from '../gen/networkcontroller/v1/types.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { ServiceConfig } from '../platform/config/client-config.js';

/** The calls that offering takes. */
export interface ServiceCalls {
  register(service: Service): Promise<unknown>;
  /** @returns The ids that the controller does not know. */
  renewServices(states: readonly ServiceState[]): Promise<readonly string[]>;
  deregister(id: string): Promise<unknown>;
}

/** Whose services they are. */
interface Owner {
  readonly nodeId: string;
  readonly name: string;
  readonly network: string;
}

const MAX_LABEL = 63;
/** A lease survives two renewals that get lost. */
const RENEWALS_PER_LEASE = 3;
const SHORTEST_RENEWAL_MS = 300;

/**
 * Offers the services of this node while its agent runs: registers them with each connection, renews the leases of all in one call,
 * and takes them back at the end.
 */
export class ServiceOffers {
  readonly #offers = new Map<string, Service>();
  readonly #calls: () => ServiceCalls | undefined;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #refusals = new Map<string, string>();
  #cancelRenewal: () => void = () => {};

  /** @param deps `calls` is the connection, while there is one. */
  constructor(services: readonly ServiceConfig[], node: Owner, deps: { calls: () => ServiceCalls | undefined; clock: Clock; log: Log }) {
    for (const service of services.map((config) => toService(config, node))) this.#offers.set(service.id, service);
    this.#calls = deps.calls;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** Why a service is not offered, or empty. */
  get refused(): string {
    return [...this.#refusals.values()][0] ?? '';
  }

  /** Registers all of them; again after each reconnect, which changes nothing when they are there. */
  async register(): Promise<void> {
    this.#cancelRenewal();
    for (const service of this.#offers.values()) await this.#register(service);
    this.#renewLater();
  }

  /** Takes them back, as far as the controller can be reached, and ends. */
  async withdraw(): Promise<void> {
    const ids = [...this.#offers.keys()];
    this.stop();
    const calls = this.#calls();
    if (calls !== undefined) await Promise.allSettled(ids.map((id) => calls.deregister(id)));
  }

  /** Ends; what is registered stays until its lease ends. */
  stop(): void {
    this.#cancelRenewal();
    this.#cancelRenewal = () => {};
    this.#offers.clear();
  }

  async #register(service: Service): Promise<void> {
    try {
      await this.#calls()?.register(service);
      this.#refusals.delete(service.id);
    } catch (error) {
      const reason = (error as Error).message;
      this.#refusals.set(service.id, `service ${service.name} is not offered: ${reason}`);
      this.#log.warn('service not offered', { name: service.name, reason });
    }
  }

  #renewLater(): void {
    const leases = [...this.#offers.values()].flatMap(({ leaseSeconds }) => (leaseSeconds > 0 ? leaseSeconds : []));
    if (leases.length === 0) return;
    const pauseMs = Math.max(SHORTEST_RENEWAL_MS, (Math.min(...leases) * 1000) / RENEWALS_PER_LEASE);
    this.#cancelRenewal();
    this.#cancelRenewal = this.#clock.after(pauseMs, () => void this.#renew().then(() => this.#renewLater()));
  }

  async #renew(): Promise<void> {
    const states = [...this.#offers.values()].filter(({ id }) => !this.#refusals.has(id)).map(({ id, health, healthReason }) => ({ id, health, healthReason }));
    try {
      const unknown = states.length === 0 ? [] : await this.#calls()?.renewServices(states);
      for (const id of unknown ?? []) await this.#register(this.#offers.get(id)!);
    } catch (error) {
      // The next one comes soon, and a new connection registers everything again.
      this.#log.debug('services not renewed', { reason: (error as Error).message });
    }
  }
}

/** Ids are unique within a network, and one node may offer several services. */
function toService({ lease, ...config }: ServiceConfig, node: Owner): Service {
  const id = config.id || `${config.name}-${node.name}`.slice(0, MAX_LABEL).replace(/-+$/, '');
  const leased = lease === 'node' ? { withNode: true } : { leaseSeconds: Math.ceil(lease / 1000) };
  return Service.fromPartial({ ...config, ...leased, id, nodeId: node.nodeId, network: node.network });
}
