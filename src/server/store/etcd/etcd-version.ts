import { DomainError } from '../../../domain/errors.js';
import type { Log } from '../../../platform/log.js';

type Version = readonly [number, number, number];

/** Older ones lose events of a watch, or deletes, around compactions. */
const OLDEST: Version = [3, 5, 13];

/** Older ones have known faults in leases, reads after a pause and permissions. */
const ADVISED: Version = [3, 5, 28];

/** From here on, what a watch says of its progress comes after the events up to it. */
const ORDERED_PROGRESS: Version = [3, 5, 8];

/**
 * Checks the version of the member at `endpoint`.
 *
 * @returns Whether its watches tell their progress in order with their events.
 * @throws DomainError `store_failed` when it is too old and `allowOld` is not set.
 * @see https://github.com/etcd-io/etcd/blob/main/CHANGELOG/CHANGELOG-3.5.md
 */
export function checkVersion(endpoint: string, text: string, allowOld: boolean, log: Log): boolean {
  const version = parse(endpoint, text);
  if (isBefore(version, OLDEST) && !allowOld) {
    throw new DomainError('store_failed', `${endpoint}: want etcd ${OLDEST.join('.')} or newer, got ${text}; update it, or set store.allowOldVersion`);
  }
  if (isBefore(version, ADVISED)) log.warn('this etcd has known faults; update it', { endpoint, version: text, advised: ADVISED.join('.') });
  return !isBefore(version, ORDERED_PROGRESS);
}

/** How far a version is to be believed: `unsafe` may lose changes, `old` has known faults. */
export type VersionStanding = 'unsafe' | 'old' | 'good';

/** What to think of the version `text` of the member at `endpoint`. @throws DomainError `store_failed`. */
export function standingOf(endpoint: string, text: string): VersionStanding {
  const version = parse(endpoint, text);
  if (isBefore(version, OLDEST)) return 'unsafe';
  return isBefore(version, ADVISED) ? 'old' : 'good';
}

function parse(endpoint: string, text: string): Version {
  const [, major, minor, patch] = /^(\d+)\.(\d+)\.(\d+)/.exec(text) ?? [];
  if (patch === undefined) throw new DomainError('store_failed', `${endpoint}: want the version of etcd, got ${JSON.stringify(text)}`);
  return [Number(major), Number(minor), Number(patch)];
}

function isBefore(a: Version, b: Version): boolean {
  const differing = a.findIndex((part, i) => part !== b[i]);
  return differing >= 0 && (a[differing] as number) < (b[differing] as number);
}
