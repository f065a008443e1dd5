import { DomainError } from '../../domain/errors.js';
import type { ServiceState } from '../../gen/networkcontroller/v1/node.js';
import { Service } from '../../gen/networkcontroller/v1/types.js';
import type { Clock } from '../../platform/clock.js';
import type { ServiceConfig } from '../../platform/config/client-config.js';
import type { Log } from '../../platform/log.js';
import { HealthWatch } from './health-watch.js';
import type { RenewalEvents } from './kept-leases.js';
import { probeOf } from './probe.js';

/** The calls that offering takes. */
export interface ServiceCalls {
  register(service: Service): Promise<unknown>;
  renewServices(states: readonly ServiceState[], events: RenewalEvents): void;
  deregister(id: string): Promise<unknown>;
}

/** Whose services they are. */
interface Owner {
  readonly nodeId: string;
  readonly name: string;
  readonly network: string;
}

/** A service that this node offers, as it stands. */
export interface Offered {
  readonly service: Service;
  /** Why the controller does not take it, or empty. */
  readonly refused: string;
}

/** One offer at work. */
interface Offer {
  readonly service: Service;
  readonly watch: HealthWatch | undefined;
  refused: string;
}

const MAX_LABEL = 63;
/** A lease survives two renewals that get lost. */
const RENEWALS_PER_LEASE = 3;

/**
 * Offers the services of this node while its agent runs: registers them with each connection, renews the leases of all in one message,
 * says at once when a health check changes, and takes them back at the end.
 */
export class ServiceOffers {
  readonly #offers = new Map<string, Offer>();
  readonly #owner: Owner;
  readonly #calls: () => ServiceCalls | undefined;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #renewals: RenewalEvents = {
    onUnknown: (ids) => void this.#registerAgain(ids),
    // The next one comes soon, and a new connection registers everything again.
    onFailed: ({ message }) => this.#log.debug('services not renewed', { reason: message }),
  };
  #cancelRenewal: () => void = () => {};

  /** @param deps `calls` is the connection, while there is one. */
  constructor(services: readonly ServiceConfig[], owner: Owner, deps: { calls: () => ServiceCalls | undefined; clock: Clock; log: Log }) {
    this.#owner = owner;
    this.#calls = deps.calls;
    this.#clock = deps.clock;
    this.#log = deps.log;
    for (const config of services) this.#put(config);
  }

  /** What is wrong with one of them, in a sentence; empty when nothing is. */
  get problem(): string {
    for (const { service, refused, watch } of this.#offers.values()) {
      if (refused !== '') return `service ${service.id} is not offered: ${refused}`;
      if (watch?.state.health === 'failing') return `service ${service.id} is withheld, its health check fails: ${watch.state.healthReason}`;
    }
    return '';
  }

  list(): readonly Offered[] {
    return [...this.#offers.values()].map((offer) => ({ service: asOf(offer), refused: offer.refused }));
  }

  /** Begins the health checks. */
  start(): void {
    for (const { watch } of this.#offers.values()) watch?.start();
  }

  /** Registers all of them; again after each reconnect, which changes nothing when they are there. */
  async register(): Promise<void> {
    this.#cancelRenewal();
    for (const offer of this.#offers.values()) await this.#tryRegister(offer);
    this.#renewLater();
  }

  /**
   * Offers one more service until the agent ends. Without a connection it is registered with the next.
   *
   * @returns The service, and whether the controller has it.
   * @throws DomainError what the controller refuses, and `conflict` for an id that is offered already.
   */
  async add(config: ServiceConfig): Promise<{ service: Service; registered: boolean }> {
    const id = idOf(config, this.#owner);
    if (this.#offers.has(id)) throw new DomainError('conflict', `service: this node offers ${id} already; deregister it first, or choose another id`);
    const offer = this.#put(config);
    offer.watch?.start();
    try {
      const calls = this.#calls();
      await calls?.register(asOf(offer));
      this.#renewLater();
      return { service: asOf(offer), registered: calls !== undefined };
    } catch (error) {
      this.#drop(id);
      throw error;
    }
  }

  /**
   * Takes one service back.
   *
   * @throws DomainError `service_unknown` for one that this node does not offer.
   */
  async remove(id: string): Promise<void> {
    if (!this.#offers.has(id)) throw new DomainError('service_unknown', `service: want an id from "nc-client service list", got ${JSON.stringify(id)}`);
    this.#drop(id);
    await this.#calls()?.deregister(id);
  }

  /** Takes them all back, as far as the controller can be reached, and ends. */
  async withdraw(): Promise<void> {
    const ids = [...this.#offers.keys()];
    this.stop();
    const calls = this.#calls();
    if (calls !== undefined) await Promise.allSettled(ids.map((id) => calls.deregister(id)));
  }

  /** Ends; what is registered stays until its lease ends. */
  stop(): void {
    this.#cancelRenewal();
    for (const id of [...this.#offers.keys()]) this.#drop(id);
  }

  #put(config: ServiceConfig): Offer {
    const service = toService(config, this.#owner);
    const { check } = config;
    const onChange = (): void => this.#healthChanged(service.id);
    const watch = check && new HealthWatch(check, { probe: probeOf(check), clock: this.#clock, onChange });
    const offer: Offer = { service, watch, refused: '' };
    this.#offers.set(service.id, offer);
    return offer;
  }

  #drop(id: string): void {
    this.#offers.get(id)?.watch?.stop();
    this.#offers.delete(id);
  }

  async #tryRegister(offer: Offer): Promise<void> {
    try {
      await this.#calls()?.register(asOf(offer));
      offer.refused = '';
    } catch (error) {
      offer.refused = (error as Error).message;
      this.#log.warn('service not offered', { name: offer.service.name, id: offer.service.id, reason: offer.refused });
    }
  }

  #healthChanged(id: string): void {
    const offer = this.#offers.get(id);
    if (offer === undefined) return;
    this.#log.info('health of a service changed', { id, ...offer.watch?.state });
    this.#renew();
  }

  #renewLater(): void {
    this.#cancelRenewal();
    const leases = [...this.#offers.values()].map(({ service }) => service.leaseSeconds).filter((seconds) => seconds > 0);
    if (leases.length === 0) return;
    const pauseMs = (Math.min(...leases) * 1000) / RENEWALS_PER_LEASE;
    this.#cancelRenewal = this.#clock.after(pauseMs, () => {
      this.#renew();
      this.#renewLater();
    });
  }

  #renew(): void {
    const taken = [...this.#offers.values()].filter(({ refused }) => refused === '');
    const states = taken.map(asOf).map(({ id, health, healthReason }) => ({ id, health, healthReason }));
    if (states.length > 0) this.#calls()?.renewServices(states, this.#renewals);
  }

  async #registerAgain(ids: readonly string[]): Promise<void> {
    for (const id of ids) if (this.#offers.has(id)) await this.#tryRegister(this.#offers.get(id)!);
  }
}

/** The service with the health that it has now. */
function asOf({ service, watch }: Offer): Service {
  return { ...service, ...watch?.state };
}

function toService({ lease, check: _check, ...config }: ServiceConfig, owner: Owner): Service {
  const leased = lease === 'node' ? { withNode: true } : { leaseSeconds: Math.ceil(lease / 1000) };
  return Service.fromPartial({ ...config, ...leased, id: idOf(config, owner), nodeId: owner.nodeId, network: owner.network });
}

/** Ids are unique within a network, and one node may offer several services. */
function idOf({ id, name }: Pick<ServiceConfig, 'id' | 'name'>, owner: Owner): string {
  return id || `${name}-${owner.name}`.slice(0, MAX_LABEL).replace(/-+$/, '');
}
