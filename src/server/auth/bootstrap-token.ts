import { createHash, timingSafeEqual } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { DomainError } from '../../domain/errors.js';
import type { TokenRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { LocalView, Versioned } from '../store/local-view.js';

/** Stands in for the hash of a token that does not exist, so that both refusals cost the same. */
const NOBODY = createHash('sha256').update('no such token').digest();

/**
 * Checks a bootstrap token's secret.
 *
 * The secret comes first and is compared in constant time; an unknown id and a wrong secret are told apart by
 * nothing. Only a holder of the secret learns that a token is expired or spent ({@link requireUsable}).
 *
 * @param text  "<id>.<secret>"; after a rotation the secret before is good for a while.
 * @param nowMs UTC ms.
 * @returns The token's record.
 * @throws DomainError `token_invalid`.
 */
export function verifyBootstrapToken(view: LocalView, text: string, nowMs: number): Versioned<TokenRecord> {
  const [, id = '', secret = ''] = /^([0-9a-f]{16})\.([A-Za-z0-9_-]{22})$/.exec(text) ?? [];
  const token = view.token(id);
  const shown = createHash('sha256').update(secret).digest();
  // Both are compared whatever the first says, so that the time tells nothing.
  const isCurrent = timingSafeEqual(hash32(token?.value.secretHash), shown);
  const isPrevious = timingSafeEqual(hash32(token?.value.previousHash), shown) && nowMs < (token?.value.previousUntilMs ?? 0);
  if (token === undefined || !(isCurrent || isPrevious)) {
    throw new DomainError('token_invalid', 'bootstrap_token: not a token of this controller; ask an admin for a new join string');
  }
  return token;
}

/**
 * Requires a token to be good at this moment, for this source. Nothing here depends on the sweeper having run.
 *
 * @param address The caller's, for tokens that are bound to networks.
 * @param state   What the token is worth, from `tokenState`.
 * @throws DomainError `token_expired`, `token_spent`, `token_revoked`, `permission_denied`.
 */
export function requireUsable(token: TokenRecord, state: 'usable' | 'expired' | 'spent' | 'revoked', address: string): void {
  switch (state) {
    case 'usable':
      return requireSource(token, address);
    case 'expired':
      throw new DomainError('token_expired', `bootstrap_token: expired at ${new Date(token.expiresAtMs).toISOString()}; ask an admin for a new join string`);
    case 'spent':
      throw new DomainError('token_spent', `bootstrap_token: all of its uses (${token.maxUses}) are spent; ask an admin for a new join string`);
    case 'revoked':
      throw new DomainError('token_revoked', 'bootstrap_token: revoked by an admin; ask for a new join string');
  }
}

function hash32(hash: Uint8Array | undefined): Uint8Array {
  return hash?.length === NOBODY.length ? hash : NOBODY;
}

function requireSource(token: TokenRecord, address: string): void {
  if (token.fromCidrs.length === 0) return;
  if (ipaddr.isValid(address)) {
    const source = ipaddr.process(address);
    for (const cidr of token.fromCidrs) {
      const [network, length] = ipaddr.parseCIDR(cidr);
      if (source.kind() === network.kind() && source.match(network, length)) return;
    }
  }
  throw new DomainError('permission_denied', `bootstrap_token: good only from ${token.fromCidrs.join(', ')}, and you come from ${address}`);
}
