import { createHash, randomBytes } from 'node:crypto';
import { DomainError } from '../../domain/errors.js';
import { parseLabel, parseNodeName } from '../../domain/names.js';
import { AddressRecord, TokenRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import { actorOf, type Caller } from '../auth/caller.js';
import { keys } from '../store/keys.js';
import type { Decision, LocalView, Page, Repository, Versioned } from '../store/local-view.js';
import type { Compare, Operation } from '../store/store.js';
import { networkOf, type AddressPools } from './address-pools.js';
import { auditOperation } from './audit.js';

/** What an admin asks of a new token. */
export interface TokenRequest {
  readonly network: string;
  /** How long it is good for, ms; undefined for ever. */
  readonly lifetimeMs: number | undefined;
  /** 0 for without bound. */
  readonly maxUses: number;
  readonly label: string;
  /** Name that the node shall have; '' for free. */
  readonly nodeName: string;
  /** Address that the node shall have; '' for free. It is kept for the token from now on. */
  readonly bindIp: string;
  readonly labels: readonly string[];
  readonly ephemeral: boolean;
  readonly fromCidrs: readonly string[];
}

/** A token with the only copy of its secret, 22 characters of base64url. */
export interface CreatedToken {
  readonly record: TokenRecord;
  readonly secret: string;
}

/** What a token is worth at a moment. */
export type TokenState = 'usable' | 'expired' | 'spent' | 'revoked';

/** How long a rotated secret may stay good. */
const MAX_GRACE_MS = 7 * 24 * 3_600_000;
const PAGE = 500;

/** Bootstrap tokens: made, listed, rotated, revoked. Only the hash of a secret is ever stored. */
export class Tokens {
  readonly #repository: Repository;
  readonly #pools: AddressPools;
  readonly #clock: Clock;
  readonly #pinnedGeneration: () => number;

  /** @param deps `pinnedGeneration` is the newest gRPC CA generation that a join string made now pins. */
  constructor(deps: { repository: Repository; pools: AddressPools; clock: Clock; pinnedGeneration: () => number }) {
    this.#repository = deps.repository;
    this.#pools = deps.pools;
    this.#clock = deps.clock;
    this.#pinnedGeneration = deps.pinnedGeneration;
  }

  /**
   * Makes a token.
   *
   * @throws DomainError `invalid_argument`, `network_unknown`, `name_taken`, `address_taken`.
   */
  async create(request: TokenRequest, caller: Caller): Promise<CreatedToken> {
    checkBinding(request);
    const secret = randomBytes(16).toString('base64url');
    const record = this.#recordOf(request, secret, caller);
    await this.#repository.update((view) => this.#decideCreate(view, record, caller));
    return { record, secret };
  }

  /**
   * Ends a token at once. Nodes that came with it stay.
   *
   * @throws DomainError `token_unknown`.
   */
  async revoke(id: string, caller: Caller): Promise<TokenRecord> {
    const { result } = await this.#repository.update((view) => {
      const token = this.#known(view, id);
      if (token.value.revokedAtMs !== 0) return { if: [], then: [], result: token.value };
      const now = this.#clock.now();
      const record: TokenRecord = { ...token.value, revokedAtMs: now };
      const release = releaseOf(view, token.value);
      return {
        if: [{ key: token.key, modRev: token.modRev }, ...release.if],
        then: [
          { put: token.key, value: TokenRecord.encode(record).finish() },
          ...release.then,
          auditOperation(caller, { object: `token/${id}`, method: 'RevokeToken', network: record.network }, now),
        ],
        result: record,
      };
    });
    return result;
  }

  /**
   * Gives a token another secret. The one before stays good for `graceMs`, so that those who hold it can be given the new one.
   *
   * @throws DomainError `token_unknown`, `token_revoked`, `invalid_argument`.
   */
  async rotate(id: string, graceMs: number, caller: Caller): Promise<CreatedToken> {
    if (!(graceMs >= 0 && graceMs <= MAX_GRACE_MS)) {
      throw new DomainError('invalid_argument', `grace: want 0 to 7 days, got ${graceMs} ms`);
    }
    const secret = randomBytes(16).toString('base64url');
    const { result } = await this.#repository.update((view) => {
      const token = this.#known(view, id);
      if (token.value.revokedAtMs !== 0) throw new DomainError('token_revoked', `token: ${id} is revoked; make a new one`);
      const now = this.#clock.now();
      const record: TokenRecord = {
        ...token.value,
        secretHash: hashOf(secret),
        previousHash: token.value.secretHash,
        previousUntilMs: now + graceMs,
        previousCaGeneration: token.value.caGeneration,
        caGeneration: this.#pinnedGeneration(),
      };
      return {
        if: [{ key: token.key, modRev: token.modRev }],
        then: [
          { put: token.key, value: TokenRecord.encode(record).finish() },
          auditOperation(caller, { object: `token/${id}`, method: 'RotateToken', network: record.network }, now),
        ],
        result: record,
      };
    });
    return { record: result, secret };
  }

  /** @throws DomainError `token_unknown`. */
  get(id: string): TokenRecord {
    return this.#known(this.#repository.view, id).value;
  }

  /** A page of tokens in id order. */
  list(filter: { network?: string }, pageToken: string, limit: number): Page<Versioned<TokenRecord>> {
    return this.#repository.view.pageTokens(filter, pageToken, limit);
  }

  /** Ids of the tokens of which a join string that is good pins no gRPC CA generation from `generation` on. */
  pinnedBefore(generation: number): string[] {
    const now = this.#clock.now();
    const found: string[] = [];
    for (let next = '', first = true; first || next !== ''; first = false) {
      const page = this.list({}, next, PAGE);
      for (const { value } of page.items) if (oldestPin(value, now) < generation && this.usageOf(value).state === 'usable') found.push(value.id);
      next = page.next;
    }
    return found;
  }

  /** How often a token has been used, and what it is worth now. */
  usageOf(record: TokenRecord): { readonly used: number; readonly state: TokenState } {
    const used = this.#repository.view.tokenUses(record.id);
    return { used, state: tokenState(record, used, this.#clock.now()) };
  }

  #known(view: LocalView, id: string): Versioned<TokenRecord> {
    const token = view.token(id);
    if (token === undefined) {
      throw new DomainError('token_unknown', `token: want the id of a token (see "ncadm token list"), got ${JSON.stringify(id)}`);
    }
    return token;
  }

  #recordOf(request: TokenRequest, secret: string, caller: Caller): TokenRecord {
    const now = this.#clock.now();
    return TokenRecord.fromPartial({
      id: randomBytes(8).toString('hex'),
      secretHash: hashOf(secret),
      network: request.network,
      label: request.label,
      createdBy: actorOf(caller),
      createdAtMs: now,
      expiresAtMs: request.lifetimeMs === undefined ? 0 : now + request.lifetimeMs,
      maxUses: request.maxUses,
      nodeName: request.nodeName,
      bindIp: request.bindIp,
      labels: [...request.labels],
      ephemeral: request.ephemeral,
      fromCidrs: [...request.fromCidrs],
      caGeneration: this.#pinnedGeneration(),
    });
  }

  #decideCreate(view: LocalView, record: TokenRecord, caller: Caller): Decision<undefined> {
    networkOf(view, record.network);
    if (record.nodeName !== '' && view.nameOwner(record.network, record.nodeName) !== undefined) {
      throw new DomainError('name_taken', `node_name: ${record.nodeName} is a node of network ${record.network} already; choose another name`);
    }
    const hold = this.#holdOf(view, record);
    const key = keys.token(record.id);
    const audit = auditOperation(caller, { object: `token/${record.id}`, method: 'CreateToken', network: record.network }, record.createdAtMs);
    return {
      if: [{ key, absent: true }, ...hold.if],
      then: [{ put: key, value: TokenRecord.encode(record).finish() }, ...hold.then, audit],
      result: undefined,
    };
  }

  /** Keeps the address for the token, so that nobody else is given it before the token is used. */
  #holdOf(view: LocalView, record: TokenRecord): { if: Compare[]; then: Operation[] } {
    if (record.bindIp === '') return { if: [], then: [] };
    const { bindIp } = this.#pools.claimNamed(record.network, record.bindIp, 'bind_ip');
    const key = keys.address(record.network, bindIp);
    const found = view.address(record.network, bindIp);
    if (found !== undefined && found.value.quarantinedUntilMs === 0) {
      throw new DomainError('address_taken', `bind_ip: ${bindIp} belongs to a node or to another token; see "ncadm node list" and "ncadm token list"`);
    }
    const value = AddressRecord.encode(AddressRecord.fromPartial({ tokenId: record.id })).finish();
    return { if: [found === undefined ? { key, absent: true } : { key, modRev: found.modRev }], then: [{ put: key, value }] };
  }
}

/**
 * What a token is worth. The order is what a holder most needs to hear.
 *
 * @param used How many nodes it has made.
 */
export function tokenState(record: TokenRecord, used: number, nowMs: number): TokenState {
  if (record.revokedAtMs !== 0) return 'revoked';
  if (record.maxUses !== 0 && used >= record.maxUses) return 'spent';
  if (record.expiresAtMs !== 0 && record.expiresAtMs <= nowMs) return 'expired';
  return 'usable';
}

/** Gives back the address that was kept for a token, if it still is. */
export function releaseOf(view: LocalView, record: TokenRecord): { if: Compare[]; then: Operation[] } {
  if (record.bindIp === '') return { if: [], then: [] };
  const held = view.address(record.network, record.bindIp);
  if (held?.value.tokenId !== record.id) return { if: [], then: [] };
  return { if: [{ key: held.key, modRev: held.modRev }], then: [{ del: held.key }] };
}

/** The oldest CA generation that a join string of the token relies on: after a rotation the one before is good for a while. */
function oldestPin(record: TokenRecord, nowMs: number): number {
  const inGrace = record.previousHash.length > 0 && record.previousUntilMs > nowMs;
  return inGrace ? Math.min(record.caGeneration, record.previousCaGeneration) : record.caGeneration;
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function checkBinding(request: TokenRequest): void {
  if (request.nodeName !== '') parseNodeName(request.nodeName);
  for (const label of request.labels) parseLabel(label, 'labels');
  if ((request.bindIp !== '' || request.nodeName !== '') && request.maxUses !== 1) {
    throw new DomainError('invalid_argument', 'uses: want 1 for a token that is bound to a name or an address');
  }
}
