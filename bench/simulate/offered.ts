import { ServiceOffers } from '../../src/client/services/service-offers.js';
import type { Service } from '../../src/gen/networkcontroller/v1/types.js';
import { systemClock } from '../../src/platform/clock.js';
import { readServiceConfig, type ServiceConfig } from '../../src/platform/config/client-config.js';
import { silentLog } from '../../src/platform/log.js';

/** The lease that a service has unless its node says otherwise. */
export const LEASE_MS = 10_000;

/** So many services as client.yml would have them. */
export function serviceConfigs(count: number): ServiceConfig[] {
  return Array.from({ length: count }, (_, n) => readServiceConfig({ name: `service-${n}`, port: 1000 + n, lease: `${LEASE_MS}ms` }));
}

/** The same as the node registers them. */
export function offered(count: number, owner: { readonly nodeId: string; readonly name: string; readonly network: string }): Service[] {
  const offers = new ServiceOffers(serviceConfigs(count), owner, { calls: () => undefined, clock: systemClock, log: silentLog });
  return offers.list().map(({ service }) => service);
}
