import { DomainError } from '../../domain/errors.js';
import { ServiceRecord } from '../../gen/networkcontroller/store/v1/records.js';
import { Service } from '../../gen/networkcontroller/v1/types.js';
import type { Clock } from '../../platform/clock.js';
import type { StaticService } from '../../platform/config/static-services.js';
import type { Log } from '../../platform/log.js';
import { keys } from '../store/keys.js';
import type { Decision, LocalView, Repository } from '../store/local-view.js';
import { readService } from './service-record.js';
import { STATIC_OWNER } from './service-registry.js';

/**
 * Makes the store's static services be as the configuration says: what is new or changed is written, what has gone from the file
 * is taken away. An instance of the same id that somebody registered gives way.
 *
 * @throws DomainError `config_invalid` for metadata that no record can carry.
 */
export async function reconcileStaticServices(repository: Repository, wanted: readonly StaticService[], clock: Clock, log: Log): Promise<void> {
  for (const service of wanted) {
    const { result } = await repository.update((view) => put(view, service, clock.now()));
    if (result) log.info('static service set', { network: service.network, name: service.name, id: service.id });
  }
  const kept = new Set(wanted.map(({ network, id }) => `${network}/${id}`));
  const gone = [...staticServices(repository.view)].filter(({ network, id }) => !kept.has(`${network}/${id}`));
  for (const { network, name, id } of gone) {
    await repository.update((view) => remove(view, network, id));
    log.info('static service removed', { network, name, id });
  }
}

function* staticServices(view: LocalView): Iterable<ServiceRecord> {
  for (const { value: network } of view.networks()) {
    for (const { value } of view.servicesOf(network.name)) if (value.owner === STATIC_OWNER) yield value;
  }
}

function put(view: LocalView, wanted: StaticService, nowMs: number): Decision<boolean> {
  const before = view.service(wanted.network, wanted.id);
  const record = recordOf(view, wanted, before?.value.createdAtMs ?? nowMs);
  const value = ServiceRecord.encode(record).finish();
  if (before !== undefined && Buffer.from(ServiceRecord.encode(before.value).finish()).equals(value)) return { if: [], then: [], result: false };
  const key = keys.service(record.network, record.name, record.id);
  const moved = before !== undefined && before.key !== key;
  return {
    if: [before === undefined ? { key, absent: true } : { key: before.key, modRev: before.modRev }],
    then: [{ put: key, value }, ...(moved ? [{ del: before.key }] : [])],
    result: true,
  };
}

function recordOf(view: LocalView, wanted: StaticService, createdAtMs: number): ServiceRecord {
  try {
    const read = readService(view, Service.fromPartial(wanted), { kind: 'local', address: STATIC_OWNER });
    return { ...read, owner: STATIC_OWNER, createdAtMs, sinceMs: createdAtMs };
  } catch (cause) {
    if (!(cause instanceof DomainError)) throw cause;
    throw new DomainError('config_invalid', `server.services: ${wanted.id}: ${cause.message}`, { cause });
  }
}

function remove(view: LocalView, network: string, id: string): Decision<undefined> {
  const service = view.service(network, id);
  if (service === undefined) return { if: [], then: [], result: undefined };
  return { if: [{ key: service.key, modRev: service.modRev }], then: [{ del: service.key }], result: undefined };
}
