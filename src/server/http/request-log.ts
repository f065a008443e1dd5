import type { Context } from 'hono';
import { DomainError } from '../../domain/errors.js';
import { redactText } from '../../platform/redact.js';
import { STATUS_OF } from '../transport/status.js';
import type { HttpAppDeps, HttpEnv } from './http-app.js';
import { HttpRefusal } from './problem.js';

/** Octets of a path that are written. */
const MAX_PATH = 200;
/** Asked so often that their lines would bury the others; DNS has a log of its own, `dns.logQueries`. */
const FREQUENT = new Set(['/healthz', '/dns-query']);

/** Writes a request's one line: method, path, caller, status, time. Never what was said, nor the query, in which secrets travel. */
export function logRequest({ log, onRefusal }: HttpAppDeps, c: Context<HttpEnv>, ms: number): void {
  const { error } = c;
  const path = redactText(c.req.path.slice(0, MAX_PATH));
  const [method, status] = [c.req.method, c.res.status];
  const caller = c.get('actor');
  const line = { method, path, caller, address: c.get('address'), status, ms: Math.round(ms), requestId: c.get('requestId') };
  if (error === undefined) log[FREQUENT.has(path) ? 'debug' : 'info']('http', line);
  else if (error instanceof HttpRefusal) log.info('http refused', { ...line, reason: error.message });
  else if (!(error instanceof DomainError)) log.error('http failed', { ...line, error });
  else if (STATUS_OF[error.code].result === '500' && error.code !== 'draining') log.warn('http refused', { ...line, code: error.code, error });
  else log.info('http refused', { ...line, code: error.code, reason: error.message });
  if (!(error instanceof DomainError) || error.code === 'draining') return;
  onRefusal?.({ actor: caller, peerAddress: c.get('address'), method: `${method} ${path}`, result: error.code, reason: error.message });
}
