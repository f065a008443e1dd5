import { createHash, randomBytes } from 'node:crypto';
import { formatApiToken, parseApiScope } from '../../domain/api-token.js';
import { DomainError } from '../../domain/errors.js';
import { ApiTokenRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import { actorOf, type Caller } from '../auth/caller.js';
import { keys } from '../store/keys.js';
import type { Repository } from '../store/local-view.js';
import { auditOperation } from './audit.js';
import { findNode } from './nodes.js';

/** What an admin asks of a new token. */
export interface ApiTokenRequest {
  readonly scopes: readonly string[];
  /** Id or name of the node for which alone it shall speak; '' for all. */
  readonly node: string;
  /** Where a name is looked up. */
  readonly network: string;
  readonly label: string;
  readonly lifetimeMs: number;
}

const MIN_LIFETIME_MS = 60_000;
const MAX_LIFETIME_MS = 366 * 24 * 3_600_000;
const MAX_LABEL = 100;

/** Tokens for the HTTPS interface: made, listed, revoked. Only the hash of a secret is ever stored. */
export class ApiTokens {
  readonly #repository: Repository;
  readonly #clock: Clock;

  constructor(deps: { repository: Repository; clock: Clock }) {
    this.#repository = deps.repository;
    this.#clock = deps.clock;
  }

  /**
   * Makes a token.
   *
   * @returns Its record, and the only copy of its text.
   * @throws DomainError `invalid_argument`, `node_unknown`.
   */
  async create(request: ApiTokenRequest, caller: Caller): Promise<{ readonly record: ApiTokenRecord; readonly text: string }> {
    const [id, secret] = [randomBytes(8).toString('hex'), randomBytes(16).toString('base64url')];
    const scopes = scopesOf(request.scopes);
    const lifetimeMs = inRange(request.lifetimeMs);
    const label = request.label.replace(/[^\x20-\x7e]+/g, ' ').slice(0, MAX_LABEL);
    const { result } = await this.#repository.update((view) => {
      const now = this.#clock.now();
      const nodeId = request.node === '' ? '' : findNode(view, request.node, request.network || 'default').value.id;
      const record: ApiTokenRecord = {
        id,
        secretHash: createHash('sha256').update(secret).digest(),
        scopes,
        nodeId,
        label,
        createdBy: actorOf(caller),
        createdAtMs: now,
        expiresAtMs: now + lifetimeMs,
        revokedAtMs: 0,
      };
      const key = keys.apiToken(id);
      const audit = { object: `api-token/${id}`, method: 'CreateApiToken', reason: [...scopes, nodeId && `node ${nodeId}`].filter(Boolean).join(' ') };
      return {
        if: [{ key, absent: true }],
        then: [{ put: key, value: ApiTokenRecord.encode(record).finish(), expireAtMs: record.expiresAtMs }, auditOperation(caller, audit, now)],
        result: record,
      };
    });
    return { record: result, text: formatApiToken(id, secret) };
  }

  /** Every token that has not ended by itself, the oldest first. */
  list(): readonly ApiTokenRecord[] {
    const now = this.#clock.now();
    const tokens = this.#repository.view.apiTokens().map(({ value }) => value);
    return tokens.filter(({ expiresAtMs }) => expiresAtMs > now).toSorted((a, b) => a.createdAtMs - b.createdAtMs);
  }

  /**
   * Ends a token from the next request on.
   *
   * @throws DomainError `token_unknown`.
   */
  async revoke(id: string, caller: Caller): Promise<ApiTokenRecord> {
    const { result } = await this.#repository.update((view) => {
      const token = view.apiToken(id);
      if (token === undefined) throw new DomainError('token_unknown', `api token: want an id from "ncadm api-token list", got ${JSON.stringify(id.slice(0, 64))}`);
      if (token.value.revokedAtMs !== 0) return { if: [], then: [], result: token.value };
      const now = this.#clock.now();
      const record = { ...token.value, revokedAtMs: now };
      return {
        if: [{ key: token.key, modRev: token.modRev }],
        then: [
          { put: token.key, value: ApiTokenRecord.encode(record).finish(), expireAtMs: record.expiresAtMs },
          auditOperation(caller, { object: `api-token/${id}`, method: 'RevokeApiToken' }, now),
        ],
        result: record,
      };
    });
    return result;
  }
}

function scopesOf(texts: readonly string[]): string[] {
  if (texts.length === 0) throw new DomainError('invalid_argument', 'scopes: want at least one, got none');
  return [...new Set(texts.map((text) => parseApiScope(text, 'scopes')))];
}

function inRange(lifetimeMs: number): number {
  if (lifetimeMs >= MIN_LIFETIME_MS && lifetimeMs <= MAX_LIFETIME_MS) return lifetimeMs;
  throw new DomainError('invalid_argument', `expire: want one minute to 366 days, got ${lifetimeMs} ms`);
}
