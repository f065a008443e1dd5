import { parseDnsName } from '../domain/dns-name.js';
import { DomainError } from '../domain/errors.js';
import { ListRecordsRequest, type DnsRecord } from '../gen/networkcontroller/v1/dns.js';
import type { AdminApi } from './admin-api.js';
import { PAGE_SIZE, readAllPages } from './pages.js';

/** Every record that an admin added, page by page, as far as the filter goes; empty for all. */
export function listRecords(api: AdminApi, filter: { readonly network?: string; readonly name?: string }): Promise<DnsRecord[]> {
  return readAllPages(async (pageToken) => {
    const { records, nextPageToken } = await api.call('listRecords', ListRecordsRequest.create({ ...filter, pageToken, pageSize: PAGE_SIZE }));
    return { items: records, next: nextPageToken };
  });
}

/**
 * Finds the records that a target means: the one with this id, or those of this name that fit.
 *
 * @throws DomainError `record_unknown`.
 */
export async function findRecords(api: AdminApi, target: string, filter: { readonly type?: string; readonly network?: string }): Promise<DnsRecord[]> {
  const records = await listRecords(api, {});
  const byId = records.filter(({ id }) => id === target);
  if (byId.length > 0) return byId;
  const name = parseDnsName(target, 'record');
  const fitting = records.filter((record) => {
    return record.name === name && record.type === (filter.type?.toUpperCase() ?? record.type) && record.network === (filter.network ?? record.network);
  });
  if (fitting.length === 0) throw new DomainError('record_unknown', `no record that was added has the id or name "${target}"${filter.type === undefined ? '' : ` and type ${filter.type}`}`);
  return fitting;
}
