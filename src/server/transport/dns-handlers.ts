import { DomainError } from '../../domain/errors.js';
import type { AdminServiceService } from '../../gen/networkcontroller/v1/admin.js';
import type { DnsControl } from '../dns/dns-control.js';
import type { DnsRecords } from '../services/dns-records.js';
import type { HandlersOf } from './handler.js';

/** The methods of `AdminService` that are about names. */
type DnsMethods = Pick<
  HandlersOf<typeof AdminServiceService>,
  'addRecord' | 'removeRecord' | 'listRecords' | 'getDns' | 'queryDns' | 'rollDnsKey' | 'retireDnsKey' | 'logDnsQueries'
>;

const PAGE = 200;
const MAX_PAGE = 1_000;

/** The part of `AdminService` that is about names. */
export function dnsHandlers(records: DnsRecords, control: DnsControl): DnsMethods {
  return {
    addRecord: async ({ record }, caller) => {
      if (record === undefined) throw new DomainError('invalid_argument', 'record: want a name, a type and a value, got nothing');
      const { result, rev } = await records.add(record, caller);
      return { record: result, revision: rev };
    },
    removeRecord: async ({ record, type, network }, caller) => {
      const { result, rev } = await records.remove(record, { type, network }, caller);
      return { records: [...result], revision: rev };
    },
    listRecords: async ({ network, name, pageToken, pageSize }) => {
      const page = records.list({ network, name }, pageToken, pageSize === 0 ? PAGE : Math.min(pageSize, MAX_PAGE));
      return { records: [...page.items], nextPageToken: page.next };
    },
    getDns: async () => control.status(),
    queryDns: async (question) => control.query(question),
    rollDnsKey: async (_request, caller) => ({ dns: await control.rollKey(caller) }),
    retireDnsKey: async ({ compromised }, caller) => ({ dns: await control.retireKey(compromised, caller) }),
    logDnsQueries: async ({ on }, caller) => ({ on: await control.logQueries(on, caller) }),
  };
}
