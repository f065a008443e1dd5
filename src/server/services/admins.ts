import { DomainError } from '../../domain/errors.js';
import { parseLabel } from '../../domain/names.js';
import { CertificateRecord, CertificateRecord_State } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import type { Caller } from '../auth/caller.js';
import { keys } from '../store/keys.js';
import type { Repository, Versioned } from '../store/local-view.js';
import { auditOperation } from './audit.js';
import type { IssuedCertificate } from './certificate-rows.js';
import { revocationOf } from './node-removal.js';

/** What an admin is to be. */
export interface AdminRequest {
  readonly name: string;
  /** `admin` may change everything that is not local-only, `viewer` may look. */
  readonly role: string;
  /** SubjectPublicKeyInfo of the key that ncadm made and proved, DER. */
  readonly spki: Uint8Array;
  /** How long, ms; undefined for the PKI's default. */
  readonly lifetimeMs: number | undefined;
}

/** The part of the PKI that certifies admins. */
export interface AdminCertificateIssuer {
  issueAdminCertificate(request: { readonly name: string; readonly spki: Uint8Array; readonly nowMs: number; readonly lifetimeMs?: number }): IssuedCertificate;
}

const MIN_LIFETIME_MS = 60_000;

/**
 * Admins from elsewhere: a short-lived certificate each, with a row that holds the role. Nothing in the certificate says what its
 * holder may do, and the row can be revoked at any time.
 */
export class Admins {
  readonly #repository: Repository;
  readonly #issuer: AdminCertificateIssuer;
  readonly #clock: Clock;

  constructor(deps: { repository: Repository; issuer: AdminCertificateIssuer; clock: Clock }) {
    this.#repository = deps.repository;
    this.#issuer = deps.issuer;
    this.#clock = deps.clock;
  }

  /**
   * Certifies an admin's key. A name may have several certificates, one a machine or a day.
   *
   * @throws DomainError `invalid_argument`.
   */
  async create(request: AdminRequest, caller: Caller): Promise<{ readonly record: CertificateRecord; readonly der: Uint8Array }> {
    const name = parseLabel(request.name, 'admin.name');
    const role = roleOf(request.role);
    const lifetime = request.lifetimeMs === undefined ? {} : { lifetimeMs: atLeast(request.lifetimeMs) };
    const { result } = await this.#repository.update(() => {
      const now = this.#clock.now();
      const issued = this.#issuer.issueAdminCertificate({ name, spki: request.spki, nowMs: now, ...lifetime });
      const record = CertificateRecord.fromPartial({
        serial: issued.serial,
        subjectKind: 'admin',
        subjectId: name,
        purpose: 'grpc',
        state: CertificateRecord_State.STATE_CURRENT,
        notAfterMs: issued.notAfterMs,
        role,
        caGeneration: issued.caGeneration,
      });
      const key = keys.certificate(issued.serial);
      return {
        if: [{ key, absent: true }],
        then: [
          { put: key, value: CertificateRecord.encode(record).finish(), expireAtMs: issued.notAfterMs },
          auditOperation(caller, { object: `admin/${name}`, method: 'CreateAdmin', reason: `${role} ${issued.serial}` }, now),
        ],
        result: { record, der: issued.der },
      };
    });
    return result;
  }

  /** Every admin certificate that has not ended by itself, by name. */
  list(): readonly CertificateRecord[] {
    return this.#repository.view.certificatesOfKind('admin').map((entry) => entry.value);
  }

  /**
   * Ends all certificates of an admin, or the one with a serial, from the next request on.
   *
   * @throws DomainError `admin_unknown`.
   */
  async revoke(target: string, caller: Caller): Promise<readonly CertificateRecord[]> {
    const { result } = await this.#repository.update((view) => {
      const now = this.#clock.now();
      const found = view.certificatesOfKind('admin').filter(({ value }) => value.subjectId === target || value.serial === target);
      if (found.length === 0) {
        throw new DomainError('admin_unknown', `admin: want a name or serial from "ncadm admin list", got ${JSON.stringify(target)}`);
      }
      const open = found.filter(isOpen);
      if (open.length === 0) return { if: [], then: [], result: found.map((entry) => entry.value) };
      return {
        if: open.map(({ key, modRev }) => ({ key, modRev })),
        then: [...open.map((entry) => revocationOf(entry, now)), auditOperation(caller, { object: `admin/${target}`, method: 'RevokeAdmin' }, now)],
        result: open.map(({ value }) => ({ ...value, state: CertificateRecord_State.STATE_REVOKED, revokedAtMs: now })),
      };
    });
    return result;
  }
}

function isOpen({ value }: Versioned<CertificateRecord>): boolean {
  return value.state !== CertificateRecord_State.STATE_REVOKED;
}

function roleOf(role: string): 'admin' | 'viewer' {
  if (role === 'admin' || role === 'viewer') return role;
  throw new DomainError('invalid_argument', `admin.role: want admin or viewer, got ${JSON.stringify(role.slice(0, 32))}`);
}

function atLeast(lifetimeMs: number): number {
  if (lifetimeMs >= MIN_LIFETIME_MS) return lifetimeMs;
  throw new DomainError('invalid_argument', `admin.ttl: want at least one minute, got ${lifetimeMs} ms`);
}
