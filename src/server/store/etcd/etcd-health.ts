import { Metadata } from '@grpc/grpc-js';
import { get } from 'node:https';
import type { EtcdSettings } from '../../../platform/config/store-settings.js';
import type { StatusResponse } from '../../../gen/etcd/etcd.js';
import { keys } from '../keys.js';
import { EtcdMember, type EtcdTls } from './etcd-member.js';
import { withLeader } from './etcd-members.js';
import { rangeOf } from './etcd-terms.js';
import { standingOf, type VersionStanding } from './etcd-version.js';
import { readTls } from './open-etcd-store.js';

/** What one member of etcd shows of itself. */
export interface MemberHealth {
  readonly endpoint: string;
  /** Undefined when it does not answer; `failure` says why. */
  readonly status: StatusResponse | undefined;
  /** Whether its version may lose changes (`unsafe`), has known faults (`old`), or neither. */
  readonly standing: VersionStanding;
  /** Of a read that asks the majority: the middle of several, and the longest. Undefined when there is no majority. */
  readonly readMs: { readonly middle: number; readonly longest: number } | undefined;
  /** How large its database may grow; undefined when it does not tell. */
  readonly quotaBytes: number | undefined;
  /** By how much its clock is ahead of this machine's, to the second; undefined when it does not tell. */
  readonly clockAheadMs: number | undefined;
  readonly failure: string;
}

const READS = 9;
const PATIENCE_MS = 3_000;
/** Its figures for Prometheus are some hundred KiB. */
const MOST_CHARACTERS = 4 * 1024 * 1024;

/**
 * Asks every member by itself, all at the same time.
 *
 * @throws DomainError `store_failed` when a file of TLS cannot be read.
 */
export async function etcdHealth(settings: EtcdSettings): Promise<readonly MemberHealth[]> {
  const tls = await readTls(settings);
  return Promise.all(settings.endpoints.map((endpoint) => examine(endpoint, tls)));
}

async function examine(endpoint: string, tls: EtcdTls | undefined): Promise<MemberHealth> {
  const member = new EtcdMember(endpoint, tls);
  try {
    const status = await statusOf(member);
    const [readMs, page] = await Promise.all([readTimes(member), figures(endpoint, tls)]);
    return { endpoint, status, standing: standingOf(endpoint, status.version), readMs, ...page, ...(status.dbSizeQuota > 0n && { quotaBytes: Number(status.dbSizeQuota) }), failure: '' };
  } catch (error) {
    return { endpoint, status: undefined, standing: 'good', readMs: undefined, quotaBytes: undefined, clockAheadMs: undefined, failure: (error as { details?: string }).details ?? String(error) };
  } finally {
    member.close();
  }
}

function statusOf({ maintenance }: EtcdMember): Promise<StatusResponse> {
  return new Promise((resolve, reject) => {
    maintenance.status({}, new Metadata(), { deadline: Date.now() + PATIENCE_MS }, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

async function readTimes({ kv }: EtcdMember): Promise<MemberHealth['readMs']> {
  const times: number[] = [];
  for (let i = 0; i < READS; i++) {
    const since = performance.now();
    const answered = await new Promise<boolean>((resolve) => {
      kv.range(rangeOf(keys.cluster()), withLeader(), { deadline: Date.now() + PATIENCE_MS }, (error) => resolve(error === null));
    });
    if (!answered) return undefined;
    times.push(performance.now() - since);
  }
  times.sort((a, b) => a - b);
  return { middle: times[READS >> 1] ?? 0, longest: times.at(-1) ?? 0 };
}

/** What only its page of figures tells: the quota, and by the page's date its clock. @see RFC 9110 §6.6.1 */
function figures(endpoint: string, tls: EtcdTls | undefined): Promise<Pick<MemberHealth, 'quotaBytes' | 'clockAheadMs'>> {
  const nothing = { quotaBytes: undefined, clockAheadMs: undefined };
  if (tls === undefined) return Promise.resolve(nothing);
  return new Promise((resolve) => {
    const sinceMs = Date.now();
    const request = get(`${endpoint}/metrics`, { ...tls, timeout: PATIENCE_MS, agent: false }, (response) => {
      // The date is cut to the second, so half of one is added; the answer was made half way.
      const sentMs = Date.parse(response.headers.date ?? '') + 500;
      const clockAheadMs = Number.isNaN(sentMs) ? undefined : sentMs - (sinceMs + Date.now()) / 2;
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text = (text + piece).slice(0, MOST_CHARACTERS)));
      response.on('end', () => {
        const quota = /^etcd_server_quota_backend_bytes (\S+)$/m.exec(text)?.[1];
        resolve({ quotaBytes: quota === undefined ? undefined : Number(quota), clockAheadMs });
      });
      response.on('error', () => resolve(nothing));
    });
    request.on('timeout', () => request.destroy()).on('error', () => resolve(nothing));
  });
}
