import { DomainError } from '../../domain/errors.js';
import type { ListOffersResponse, OfferServiceRequest, OfferServiceResponse } from '../../gen/networkcontroller/v1/agent.js';
import { readServiceConfig } from '../../platform/config/client-config.js';
import type { ServiceOffers } from './service-offers.js';

/**
 * Carries out what `nc-client service register` asks of the agent.
 *
 * @throws DomainError `invalid_argument`, `conflict`, and what the controller refuses.
 */
export async function offerService(offers: ServiceOffers, { service, checkUrl, checkIntervalMs }: OfferServiceRequest): Promise<OfferServiceResponse> {
  if (service === undefined) throw new DomainError('invalid_argument', 'service: want one, got none');
  const { id, name, port, protocol, type, channel, role, weight, priority, metadata, leaseSeconds, withNode } = service;
  const interval = checkIntervalMs === 0 ? {} : { interval: `${checkIntervalMs}ms` };
  const config = readServiceConfig({
    id,
    name,
    port,
    protocol: protocol as 'tcp',
    type,
    channel: channel as 'stable',
    role: role as '',
    weight,
    priority,
    metadata,
    ...(withNode ? { lease: 'node' as const } : leaseSeconds > 0 ? { lease: `${leaseSeconds}s` } : {}),
    ...(checkUrl !== '' && { check: { url: checkUrl, ...interval } }),
  });
  return offers.add(config);
}

/** What this node offers, as `nc-client service list` shows it. */
export function listOffers(offers: ServiceOffers): ListOffersResponse {
  return { offers: offers.list().map(({ service, refused }) => ({ service, refused })) };
}
