import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { DomainError } from '../../domain/errors.js';
import { formatHostPort, parseHostPort } from '../../domain/host-port.js';
import { parseLabel } from '../../domain/names.js';
import { CertificateRecord, CertificateRecord_State, OwnerRecord, RelayRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import { actorOf, type Caller } from '../auth/caller.js';
import { keys } from '../store/keys.js';
import type { Decision, LocalView, Repository, Versioned } from '../store/local-view.js';
import type { Operation } from '../store/store.js';
import { auditOperation } from './audit.js';
import type { IssuedCertificate } from './certificate-rows.js';
import { revocationOf } from './node-removal.js';
import type { Revocations } from './revocations.js';

/** What an admin asks for a relay. */
export interface RelayRequest {
  readonly name: string;
  /** UDP, host:port, best first. Addresses, because WireGuard reports them and they are compared. */
  readonly endpoints: readonly string[];
  /** How long the join string is good for, ms. */
  readonly lifetimeMs: number;
}

/** The public keys of a relay, whose proofs have been checked. */
export interface RelayKeys {
  /** SubjectPublicKeyInfo, DER. */
  readonly grpcSpki: Uint8Array;
  readonly networkSpki: Uint8Array;
  /** X25519, 32 bytes. */
  readonly wgPublicKey: Uint8Array;
}

/** A relay with its two new certificates, DER. */
export interface EnrolledRelay {
  readonly record: RelayRecord;
  readonly grpcCertificate: Uint8Array;
  readonly networkCertificate: Uint8Array;
}

/** The part of the PKI that certifies relays. */
export interface RelayCertificateIssuer {
  issueRelayCertificates(request: RelayKeys & { readonly name: string; readonly nowMs: number }): { readonly grpc: IssuedCertificate; readonly network: IssuedCertificate };
}

const MAX_ENDPOINTS = 8;
const MAX_LIFETIME_MS = 7 * 24 * 3_600_000;
/** Of one relay that stand at once; all of them must fit into the one transaction that ends it. */
const MAX_CERTIFICATES = 40;
/** Stands in for the hash of a token that does not exist, so that both refusals cost the same. */
const NOBODY = createHash('sha256').update('no such token').digest();

/**
 * Relays beside the controller's own: invited by an admin, enrolled once with a join string, renewed by themselves, revoked by an
 * admin. A relay's row in the store is what makes its certificates worth something, as with nodes.
 */
export class Relays {
  readonly #repository: Repository;
  readonly #issuer: RelayCertificateIssuer;
  readonly #revocations: Revocations;
  readonly #clock: Clock;

  /** @param deps `clock` is the wall clock, by which certificates are dated. */
  constructor(deps: { repository: Repository; issuer: RelayCertificateIssuer; revocations: Revocations; clock: Clock }) {
    this.#repository = deps.repository;
    this.#issuer = deps.issuer;
    this.#revocations = deps.revocations;
    this.#clock = deps.clock;
  }

  /**
   * Makes room for a relay; an invitation of that name which nobody has taken up is replaced.
   *
   * @returns Its record, and the only copy of the join string's secret.
   * @throws DomainError `invalid_argument`, `name_taken`.
   */
  async invite(request: RelayRequest, caller: Caller): Promise<{ readonly record: RelayRecord; readonly secret: string }> {
    const name = parseLabel(request.name, 'relay.name');
    const endpoints = endpointsOf(request.endpoints);
    const lifetimeMs = inRange(request.lifetimeMs);
    const secret = randomBytes(16).toString('base64url');
    const { result } = await this.#repository.update((view) => {
      const before = view.relay(name);
      if (before !== undefined && isEnrolled(before.value)) {
        throw new DomainError('name_taken', `relay.name: ${name} is a relay already; choose another name, or revoke it with "ncadm relay revoke ${name}"`);
      }
      const now = this.#clock.now();
      const invitation = { tokenId: randomBytes(8).toString('hex'), secretHash: hashOf(secret), invitedUntilMs: now + lifetimeMs };
      const record = RelayRecord.fromPartial({ name, endpoints, ...invitation, createdAtMs: now, createdBy: actorOf(caller) });
      const key = keys.relay(name);
      return {
        if: [before === undefined ? { key, absent: true } : { key, modRev: before.modRev }],
        then: [put(record), auditOperation(caller, { object: `relay/${name}`, method: 'CreateRelay', reason: endpoints.join(' ') }, now)],
        result: record,
      };
    });
    return { record: result, secret };
  }

  /**
   * Exchanges the secret of a join string for certificates. The same keys get them again until the join string ends, so that a lost reply
   * costs nothing; other keys do not.
   *
   * @param token "<id>.<secret>"
   * @throws DomainError `token_invalid`, `token_expired`, `token_spent`, `wireguard_key_taken`.
   */
  async enrol(token: string, relayKeys: RelayKeys, caller: Caller): Promise<EnrolledRelay> {
    const { result } = await this.#repository.update((view) => this.#decideEnrol(view, token, relayKeys, caller));
    return result;
  }

  /** @throws DomainError `relay_unknown`, `rate_limited`. */
  async renew(name: string, newKeys: Omit<RelayKeys, 'wgPublicKey'>, caller: Caller): Promise<EnrolledRelay> {
    const { result } = await this.#repository.update((view) => {
      const relay = this.#known(view, name);
      requireFew(view, name);
      return this.#certify(relay, { ...newKeys, wgPublicKey: relay.value.wgPublicKey }, caller, 'RenewRelay');
    });
    return result;
  }

  /** Every relay, those that have only been invited too, by name. */
  list(): readonly RelayRecord[] {
    return this.#repository.view.relays().map(({ value }) => value);
  }

  /**
   * Ends a relay from the next request on, takes it out of the maps and puts it on the revocation list.
   *
   * @throws DomainError `relay_unknown`.
   */
  async revoke(name: string, caller: Caller): Promise<RelayRecord> {
    const { result } = await this.#repository.update((view) => {
      const relay = this.#known(view, name);
      const now = this.#clock.now();
      const open = view.certificatesOf('relay', name).filter(({ value }) => value.state !== CertificateRecord_State.STATE_REVOKED);
      const listed = open.filter(({ value }) => value.purpose === 'network').map(({ value }) => ({ serial: value.serial, revokedAtMs: now }));
      const crl = this.#revocations.publication(view, listed, now);
      return {
        if: [...[relay, ...open].map(({ key, modRev }) => ({ key, modRev })), ...crl.if],
        then: [
          { del: relay.key },
          ...(isEnrolled(relay.value) ? [{ del: wireguardKeyOf(relay.value.wgPublicKey) }] : []),
          ...open.map((entry) => revocationOf(entry, now)),
          ...crl.then,
          auditOperation(caller, { object: `relay/${name}`, method: 'RevokeRelay' }, now),
        ],
        result: relay.value,
      };
    });
    return result;
  }

  #decideEnrol(view: LocalView, token: string, relayKeys: RelayKeys, caller: Caller): Decision<EnrolledRelay> {
    const relay = invitedBy(view, token);
    const keysHash = hashOfKeys(relayKeys);
    const isFirst = !isEnrolled(relay.value);
    if (!isFirst && !relay.value.keysHash.equals(keysHash)) {
      throw new DomainError('token_spent', `relay token: relay ${relay.value.name} has enrolled with it already; ask an admin to revoke that relay and for a new join string`);
    }
    if (this.#clock.now() >= relay.value.invitedUntilMs) {
      throw new DomainError('token_expired', `relay token: expired at ${new Date(relay.value.invitedUntilMs).toISOString()}; ask an admin for "ncadm relay create"`);
    }
    const decision = this.#certify({ ...relay, value: { ...relay.value, keysHash } }, relayKeys, caller, 'EnrolRelay');
    if (!isFirst) return decision;
    const key = wireguardKeyOf(relayKeys.wgPublicKey);
    if (view.wireguardKeyOwner(Buffer.from(relayKeys.wgPublicKey).toString('hex')) !== undefined) {
      throw new DomainError('wireguard_key_taken', 'wg_public_key: belongs to a node or to another relay; make new keys');
    }
    const owner = OwnerRecord.encode({ nodeId: `relay/${relay.value.name}`, network: '' }).finish();
    return { ...decision, if: [...decision.if, { key, absent: true }], then: [...decision.then, { put: key, value: owner }] };
  }

  #certify(relay: Versioned<RelayRecord>, relayKeys: RelayKeys, caller: Caller, method: string): Decision<EnrolledRelay> {
    const now = this.#clock.now();
    const { name } = relay.value;
    const { grpc, network } = this.#issuer.issueRelayCertificates({ ...relayKeys, name, nowMs: now });
    const record: RelayRecord = {
      ...relay.value,
      wgPublicKey: Buffer.from(relayKeys.wgPublicKey),
      networkCertificate: Buffer.from(network.der),
      certificateExpiresAtMs: network.notAfterMs,
    };
    return {
      if: [{ key: relay.key, modRev: relay.modRev }],
      then: [put(record), row(name, 'grpc', grpc), row(name, 'network', network), auditOperation(caller, { object: `relay/${name}`, method }, now)],
      result: { record, grpcCertificate: grpc.der, networkCertificate: network.der },
    };
  }

  #known(view: LocalView, name: string): Versioned<RelayRecord> {
    const relay = view.relay(name);
    if (relay !== undefined) return relay;
    throw new DomainError('relay_unknown', `relay: want a name from "ncadm relay list", got ${JSON.stringify(name.slice(0, 64))}`);
  }
}

/** Whether a relay has its keys; before, it is an invitation. */
export function isEnrolled({ wgPublicKey }: RelayRecord): boolean {
  return wgPublicKey.length > 0;
}

/** The relay whose join string has this secret; compared in constant time, whoever it is for. */
function invitedBy(view: LocalView, token: string): Versioned<RelayRecord> {
  const [, id = '', secret = ''] = /^([0-9a-f]{16})\.([A-Za-z0-9_-]{22})$/.exec(token) ?? [];
  const relay = view.relays().find(({ value }) => value.tokenId === id);
  const stored = relay?.value.secretHash.length === NOBODY.length ? relay.value.secretHash : NOBODY;
  if (timingSafeEqual(stored, hashOf(secret)) && relay !== undefined) return relay;
  throw new DomainError('token_invalid', 'relay token: not one of this controller, or replaced by a newer one; ask an admin for "ncadm relay create"');
}

function requireFew(view: LocalView, name: string): void {
  const standing = view.certificatesOf('relay', name).filter(({ value }) => value.state !== CertificateRecord_State.STATE_REVOKED).length;
  if (standing + 2 <= MAX_CERTIFICATES) return;
  throw new DomainError('rate_limited', `certificates: want at most ${MAX_CERTIFICATES} that have not run out, got ${standing} and two more; use the last or wait until some end`);
}

function put(record: RelayRecord): Operation {
  return { put: keys.relay(record.name), value: RelayRecord.encode(record).finish() };
}

function row(name: string, purpose: 'grpc' | 'network', { serial, notAfterMs, caGeneration }: IssuedCertificate): Operation {
  const state = CertificateRecord_State.STATE_CURRENT;
  const record = CertificateRecord.fromPartial({ serial, subjectKind: 'relay', subjectId: name, purpose, state, notAfterMs, caGeneration });
  return { put: keys.certificate(serial), value: CertificateRecord.encode(record).finish(), expireAtMs: notAfterMs };
}

function wireguardKeyOf(wgPublicKey: Uint8Array): string {
  return keys.wireguardKey(Buffer.from(wgPublicKey).toString('hex'));
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function hashOfKeys({ grpcSpki, networkSpki, wgPublicKey }: RelayKeys): Buffer {
  const digest = createHash('sha256');
  for (const key of [grpcSpki, networkSpki, wgPublicKey]) digest.update(createHash('sha256').update(key).digest());
  return digest.digest();
}

function endpointsOf(texts: readonly string[]): string[] {
  if (texts.length === 0 || texts.length > MAX_ENDPOINTS) throw new DomainError('invalid_argument', `relay.endpoints: want 1 to ${MAX_ENDPOINTS}, got ${texts.length}`);
  return texts.map((text) => {
    const at = parseHostPort(text, 'relay.endpoint');
    if (!/^[\d.]+$|:/.test(at.host)) throw new DomainError('invalid_argument', `relay.endpoint: want an address with a port, such as 203.0.113.7:6441, got ${JSON.stringify(text)}`);
    return formatHostPort(at);
  });
}

function inRange(lifetimeMs: number): number {
  if (lifetimeMs > 0 && lifetimeMs <= MAX_LIFETIME_MS) return lifetimeMs;
  throw new DomainError('invalid_argument', `relay.expire: want more than 0 and at most 7 days, got ${lifetimeMs} ms`);
}
