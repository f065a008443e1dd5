import { createHash, timingSafeEqual } from 'node:crypto';
import { splitApiToken } from '../../domain/api-token.js';
import { DomainError } from '../../domain/errors.js';
import type { LocalView } from '../store/local-view.js';
import type { Caller } from './caller.js';

/** Stands in for the hash of a token that does not exist, so that both refusals cost the same. */
const NOBODY = createHash('sha256').update('no such token').digest();

/**
 * Tells who shows an API token. The secret is compared first and in constant time; only its holder learns what else is wrong.
 *
 * @param text As it stands behind "Bearer".
 * @param nowMs UTC ms.
 * @throws DomainError `token_invalid`, `token_revoked`, `token_expired`; `node_unknown`, `node_revoked` for a token of a node that is gone.
 */
export function callerOfApiToken(view: LocalView, text: string, nowMs: number, address: string): Extract<Caller, { kind: 'apiToken' }> {
  const { id = '', secret = '' } = splitApiToken(text) ?? {};
  const token = id === '' ? undefined : view.apiToken(id)?.value;
  const shown = createHash('sha256').update(secret).digest();
  const stored = token?.secretHash.length === NOBODY.length ? token.secretHash : NOBODY;
  if (!timingSafeEqual(stored, shown) || token === undefined) throw new DomainError('token_invalid', 'api token: not one of this controller; ask an admin for "ncadm api-token create"');
  if (token.revokedAtMs !== 0) throw new DomainError('token_revoked', 'api token: revoked by an admin; ask for a new one');
  if (token.expiresAtMs <= nowMs) throw new DomainError('token_expired', `api token: expired at ${new Date(token.expiresAtMs).toISOString()}; ask an admin for a new one`);
  return { kind: 'apiToken', id, scopes: token.scopes, nodeId: token.nodeId, network: networkOf(view, token.nodeId), address };
}

function networkOf(view: LocalView, nodeId: string): string {
  if (nodeId === '') return '';
  const node = view.nodeById(nodeId)?.value;
  if (node === undefined) throw new DomainError('node_unknown', `api token: its node ${nodeId} is not registered, or no longer`);
  if (node.revokedAtMs > 0) throw new DomainError('node_revoked', `api token: its node ${nodeId} has been revoked`);
  return node.network;
}
