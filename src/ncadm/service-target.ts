import { DomainError } from '../domain/errors.js';
import { ListServicesRequest } from '../gen/networkcontroller/v1/admin.js';
import type { Service } from '../gen/networkcontroller/v1/types.js';
import type { AdminApi } from './admin-api.js';
import { PAGE_SIZE, readAllPages } from './pages.js';

/** Every instance of every service, page by page, as far as the filter goes; empty for all. */
export function listServices(api: AdminApi, filter: { readonly network?: string; readonly name?: string; readonly type?: string; readonly channel?: string }): Promise<Service[]> {
  return readAllPages(async (pageToken) => {
    const { services, nextPageToken } = await api.call('listServices', ListServicesRequest.create({ ...filter, pageToken, pageSize: PAGE_SIZE }));
    return { items: services, next: nextPageToken };
  });
}

/**
 * Finds the instances that a target means: the one with this id, or all with this name.
 *
 * @throws DomainError `service_unknown`.
 */
export async function findServices(api: AdminApi, target: string, network = ''): Promise<Service[]> {
  const services = await listServices(api, { network });
  const matching = services.filter(({ id, name }) => id === target || name === target);
  if (matching.length === 0) throw new DomainError('service_unknown', `no service has the id or name "${target}"`);
  return matching;
}

/**
 * Finds the one instance that a target means.
 *
 * @throws DomainError `service_unknown`, or `conflict` with the candidates when the name has several instances.
 */
export async function findService(api: AdminApi, target: string, network?: string): Promise<Service> {
  const [only, ...more] = await findServices(api, target, network);
  if (only === undefined || more.length > 0) {
    const candidates = [only, ...more].map((each) => `${each?.id} on ${each?.nodeId || each?.address}`).join(', ');
    throw new DomainError('conflict', `"${target}" matches several instances: ${candidates}`);
  }
  return only;
}
