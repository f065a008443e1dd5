import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { DomainError, type ErrorCode } from '../../domain/errors.js';
import { ERROR_CODE_KEY, REQUEST_ID_KEY, RESULT_CODE_KEY } from '../../platform/rpc-metadata.js';

/** How a refusal appears on the wire: a gRPC status, and LiteKube's class: 400 the caller's fault, 500 ours. */
export interface WireStatus {
  readonly grpc: status;
  readonly result: '400' | '500';
}

/** Every code's status; a new code does not compile without its line here. */
export const STATUS_OF: Readonly<Record<ErrorCode, WireStatus>> = {
  address_taken: { grpc: status.ALREADY_EXISTS, result: '400' },
  admin_unknown: { grpc: status.NOT_FOUND, result: '400' },
  already_initialised: { grpc: status.FAILED_PRECONDITION, result: '400' },
  certificate_invalid: { grpc: status.UNAUTHENTICATED, result: '400' },
  ca_not_ready: { grpc: status.FAILED_PRECONDITION, result: '400' },
  certificate_superseded: { grpc: status.UNAUTHENTICATED, result: '400' },
  check_failed: { grpc: status.FAILED_PRECONDITION, result: '500' },
  config_invalid: { grpc: status.INVALID_ARGUMENT, result: '400' },
  conflict: { grpc: status.ABORTED, result: '500' },
  csr_invalid: { grpc: status.INVALID_ARGUMENT, result: '400' },
  device_failed: { grpc: status.INTERNAL, result: '500' },
  dns_key_not_ready: { grpc: status.FAILED_PRECONDITION, result: '400' },
  draining: { grpc: status.UNAVAILABLE, result: '500' },
  epoch_mismatch: { grpc: status.FAILED_PRECONDITION, result: '400' },
  internal: { grpc: status.INTERNAL, result: '500' },
  invalid_argument: { grpc: status.INVALID_ARGUMENT, result: '400' },
  join_string_invalid: { grpc: status.INVALID_ARGUMENT, result: '400' },
  key_file_unsafe: { grpc: status.FAILED_PRECONDITION, result: '500' },
  message_too_large: { grpc: status.RESOURCE_EXHAUSTED, result: '400' },
  name_taken: { grpc: status.ALREADY_EXISTS, result: '400' },
  network_overlap: { grpc: status.FAILED_PRECONDITION, result: '500' },
  network_unknown: { grpc: status.NOT_FOUND, result: '400' },
  node_reserved: { grpc: status.FAILED_PRECONDITION, result: '400' },
  node_revoked: { grpc: status.PERMISSION_DENIED, result: '400' },
  node_unknown: { grpc: status.NOT_FOUND, result: '400' },
  not_initialised: { grpc: status.FAILED_PRECONDITION, result: '500' },
  outcome_unknown: { grpc: status.UNAVAILABLE, result: '500' },
  permission_denied: { grpc: status.PERMISSION_DENIED, result: '400' },
  pin_mismatch: { grpc: status.UNAUTHENTICATED, result: '400' },
  pool_exhausted: { grpc: status.RESOURCE_EXHAUSTED, result: '500' },
  port_taken: { grpc: status.FAILED_PRECONDITION, result: '500' },
  proof_invalid: { grpc: status.UNAUTHENTICATED, result: '400' },
  rate_limited: { grpc: status.RESOURCE_EXHAUSTED, result: '400' },
  read_only: { grpc: status.UNAVAILABLE, result: '500' },
  record_unknown: { grpc: status.NOT_FOUND, result: '400' },
  relay_unknown: { grpc: status.NOT_FOUND, result: '400' },
  replica_unknown: { grpc: status.NOT_FOUND, result: '400' },
  revision_compacted: { grpc: status.OUT_OF_RANGE, result: '400' },
  revocations_unknown: { grpc: status.FAILED_PRECONDITION, result: '400' },
  route_overlap: { grpc: status.ALREADY_EXISTS, result: '400' },
  route_unknown: { grpc: status.NOT_FOUND, result: '400' },
  service_unknown: { grpc: status.NOT_FOUND, result: '400' },
  snapshot_failed: { grpc: status.UNAVAILABLE, result: '500' },
  snapshot_invalid: { grpc: status.FAILED_PRECONDITION, result: '400' },
  snapshot_unknown: { grpc: status.NOT_FOUND, result: '400' },
  state_invalid: { grpc: status.FAILED_PRECONDITION, result: '500' },
  store_failed: { grpc: status.UNAVAILABLE, result: '500' },
  store_full: { grpc: status.RESOURCE_EXHAUSTED, result: '500' },
  store_not_empty: { grpc: status.FAILED_PRECONDITION, result: '400' },
  timeout: { grpc: status.DEADLINE_EXCEEDED, result: '500' },
  token_expired: { grpc: status.UNAUTHENTICATED, result: '400' },
  token_invalid: { grpc: status.UNAUTHENTICATED, result: '400' },
  token_revoked: { grpc: status.UNAUTHENTICATED, result: '400' },
  token_spent: { grpc: status.UNAUTHENTICATED, result: '400' },
  token_unknown: { grpc: status.NOT_FOUND, result: '400' },
  unauthenticated: { grpc: status.UNAUTHENTICATED, result: '400' },
  unavailable: { grpc: status.UNAVAILABLE, result: '500' },
  wireguard_key_taken: { grpc: status.ALREADY_EXISTS, result: '400' },
};

/** The HTTP status beside each gRPC status. @see google.rpc.Code in googleapis/google/rpc/code.proto; RFC 9110 §15 */
const HTTP_OF: Readonly<Partial<Record<status, number>>> = {
  [status.INVALID_ARGUMENT]: 400,
  [status.UNAUTHENTICATED]: 401,
  [status.PERMISSION_DENIED]: 403,
  [status.NOT_FOUND]: 404,
  [status.ABORTED]: 409,
  [status.ALREADY_EXISTS]: 409,
  [status.FAILED_PRECONDITION]: 409,
  [status.OUT_OF_RANGE]: 410,
  [status.RESOURCE_EXHAUSTED]: 429,
  [status.INTERNAL]: 500,
  [status.UNAVAILABLE]: 503,
  [status.DEADLINE_EXCEEDED]: 504,
};

/** Codes for which HTTP has a word of its own. */
const HTTP_EXCEPTIONS: Readonly<Partial<Record<ErrorCode, number>>> = { message_too_large: 413, pool_exhausted: 507, store_full: 507 };

/** The HTTP status of a refusal. */
export function httpStatusOf(code: ErrorCode): number {
  return HTTP_EXCEPTIONS[code] ?? HTTP_OF[STATUS_OF[code].grpc] ?? 500;
}

/**
 * What the caller sees of anything thrown: a `DomainError` as it is, everything else as "internal error" with the id
 * by which an operator finds the stack in the log.
 */
export function toServiceError(error: unknown, requestId: string): ServiceError {
  const refusal = error instanceof DomainError ? error : new DomainError('internal', `internal error, request ${requestId}`);
  const { grpc, result } = STATUS_OF[refusal.code];
  const metadata = requestMetadata(requestId);
  metadata.set(ERROR_CODE_KEY, refusal.code);
  metadata.set(RESULT_CODE_KEY, result);
  const details = `${refusal.code}: ${refusal.message}`;
  return Object.assign(new Error(details), { code: grpc, details, metadata });
}

/** The trailing metadata of an answer that is no refusal. */
export function requestMetadata(requestId: string): Metadata {
  const metadata = new Metadata();
  metadata.set(REQUEST_ID_KEY, requestId);
  return metadata;
}
