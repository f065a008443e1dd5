/**
 * The closed list of refusal codes, in alphabetical order. A code is never reused for another meaning.
 * Each is explained in docs/errors.md and given a gRPC status in src/server/transport/status.ts.
 */
export const ERROR_CODES = [
  'address_taken',
  'admin_unknown',
  'already_initialised',
  'ca_not_ready',
  'certificate_invalid',
  'certificate_superseded',
  'check_failed',
  'config_invalid',
  'conflict',
  'csr_invalid',
  'device_failed',
  'dns_key_not_ready',
  'draining',
  'epoch_mismatch',
  'internal',
  'invalid_argument',
  'join_string_invalid',
  'key_file_unsafe',
  'message_too_large',
  'name_taken',
  'network_overlap',
  'network_unknown',
  'node_reserved',
  'node_revoked',
  'node_unknown',
  'not_initialised',
  'outcome_unknown',
  'permission_denied',
  'pin_mismatch',
  'pool_exhausted',
  'port_taken',
  'proof_invalid',
  'rate_limited',
  'read_only',
  'record_unknown',
  'relay_unknown',
  'replica_unknown',
  'revision_compacted',
  'revocations_unknown',
  'route_overlap',
  'route_unknown',
  'service_unknown',
  'snapshot_failed',
  'snapshot_invalid',
  'snapshot_unknown',
  'state_invalid',
  'store_failed',
  'store_full',
  'store_not_empty',
  'timeout',
  'token_expired',
  'token_invalid',
  'token_revoked',
  'token_spent',
  'token_unknown',
  'unauthenticated',
  'unavailable',
  'wireguard_key_taken',
] as const;

/** One code of {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

const KNOWN: ReadonlySet<string> = new Set(ERROR_CODES);

/** Tells whether `text` is one of our codes, for a code that came over the wire. */
export function isErrorCode(text: string): text is ErrorCode {
  return KNOWN.has(text);
}

/**
 * A refusal: a stable code and a sentence for the reader.
 *
 * The sentence says what was wanted, what came and, where it is not plain, what to do: `node_name: want a
 * lower-case DNS label, got "Web 1"`. It never holds a secret. Anything thrown that is not a `DomainError` is a bug.
 */
export class DomainError extends Error {
  override readonly name = 'DomainError';

  /**
   * @param code    Stable code, documented in docs/errors.md.
   * @param message Sentence without the code.
   * @param options `cause` is for the log only and never reaches a caller.
   */
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
