import { STATUS_CODES } from 'node:http';
import { DomainError, type ErrorCode } from '../../domain/errors.js';
import { httpStatusOf } from '../transport/status.js';

/** The type of the body of every refusal. @see RFC 9457 §3 */
export const PROBLEM_TYPE = 'application/problem+json';

/** A refusal by HTTP itself, before anything of ours was asked: no such path, no such method, no such media type. */
export class HttpRefusal extends Error {
  /** @param message Sentence for the reader. @param headers What this status must tell, as `Allow` with 405. */
  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

/** A problem document. @see RFC 9457 §3.1 */
export interface Problem {
  /** `about:blank` when the status says it all, else `urn:nc:error:` and the code. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** One of docs/errors.md. */
  readonly code?: ErrorCode;
  /** Under which the server logged the request. */
  readonly requestId: string;
}

/**
 * What the caller sees of anything thrown: a refusal as it is, everything else as "internal error" with the id by which an
 * operator finds the stack in the log.
 */
export function problemOf(error: unknown, requestId: string): Problem {
  if (error instanceof HttpRefusal) return { type: 'about:blank', title: titleOf(error.status), status: error.status, detail: error.message, requestId };
  const refusal = error instanceof DomainError ? error : new DomainError('internal', `internal error, request ${requestId}`);
  const { code, message } = refusal;
  return { type: `urn:nc:error:${code}`, title: code.replaceAll('_', ' '), status: httpStatusOf(code), detail: message, code, requestId };
}

/** The headers that belong to a refusal. */
export function problemHeaders(error: unknown, { status }: Problem): Record<string, string> {
  return {
    'content-type': PROBLEM_TYPE,
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
    ...(status === 503 && { 'retry-after': '5' }),
    ...(status === 429 && { 'retry-after': '60' }),
    ...(error instanceof HttpRefusal && error.headers),
  };
}

function titleOf(status: number): string {
  return STATUS_CODES[status] ?? 'Error';
}
