import { Service } from '../gen/networkcontroller/v1/types.js';
import type { Log } from '../platform/log.js';
import type { ServiceConfig } from '../platform/config/client-config.js';

/** The two calls that offering takes. */
export interface ServiceCalls {
  register(service: Service): Promise<unknown>;
  deregister(id: string): Promise<unknown>;
}

const MAX_LABEL = 63;

/** Offers the services of client.yml while the agent runs. */
export class ServiceOffers {
  readonly #services: readonly Service[];
  readonly #log: Log;
  #refused = '';

  constructor(services: readonly ServiceConfig[], node: { readonly nodeId: string; readonly name: string; readonly network: string }, log: Log) {
    this.#services = services.map((config) => toService(config, node));
    this.#log = log;
  }

  /** Why a service is not offered, or empty. */
  get refused(): string {
    return this.#refused;
  }

  /** Registers all of them; again after each reconnect, which changes nothing when they are there. */
  async register(calls: ServiceCalls): Promise<void> {
    this.#refused = '';
    for (const service of this.#services) {
      try {
        await calls.register(service);
      } catch (error) {
        this.#refused = `service ${service.name} is not offered: ${(error as Error).message}`;
        this.#log.warn('service not offered', { name: service.name, reason: (error as Error).message });
      }
    }
  }

  /** Takes them back, as far as the controller can be reached. */
  async deregister(calls: ServiceCalls): Promise<void> {
    await Promise.allSettled(this.#services.map(({ id }) => calls.deregister(id)));
  }
}

/** Ids are unique within a network, and one node may offer several services. */
function toService(config: ServiceConfig, node: { readonly nodeId: string; readonly name: string; readonly network: string }): Service {
  const id = `${config.name}-${node.name}`.slice(0, MAX_LABEL).replace(/-+$/, '');
  return Service.fromPartial({ ...config, id, nodeId: node.nodeId, network: node.network });
}
