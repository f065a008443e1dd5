import { status, type ServiceError } from '@grpc/grpc-js';

/**
 * What became of a request that failed: etcd refused it; it never left, so that it may be asked again; or nobody can tell.
 */
export type Fate = 'refused' | 'unsent' | 'unknown';

const REFUSALS: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.PERMISSION_DENIED,
  status.RESOURCE_EXHAUSTED,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.UNIMPLEMENTED,
  status.UNAUTHENTICATED,
]);

/** grpc-js had no connection to send it on; or the member turned it away because it knows no leader. */
const UNSENT = /^No connection established|^Name resolution failed|etcdserver: no leader/;

/** Reads the fate off an error of a call. What is not known for certain is unknown. */
export function fateOf({ code, details }: Pick<ServiceError, 'code' | 'details'>): Fate {
  if (REFUSALS.has(code)) return 'refused';
  return code === status.UNAVAILABLE && UNSENT.test(details) ? 'unsent' : 'unknown';
}
