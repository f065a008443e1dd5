import { DomainError } from '../../domain/errors.js';
import type { GetCaStatusResponse } from '../../gen/networkcontroller/v1/admin.js';
import { CaRecord_State, type CaRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import type { Caller } from '../auth/caller.js';
import type { CaPurpose } from '../pki/ca.js';
import type { Pki } from '../pki/pki.js';
import { keys, kindOf } from '../store/keys.js';
import type { LocalView, Repository, Versioned } from '../store/local-view.js';
import type { Compare, Operation } from '../store/store.js';
import { auditOperation } from './audit.js';
import { CaGates, stateName } from './ca-gates.js';
import { latestBundle, putBundle, putCa, standingOf } from './ca-records.js';
import type { NodeBundles } from './node-bundles.js';
import type { PresenceBoard } from './presence.js';
import type { Revocations } from './revocations.js';
import type { Tokens } from './tokens.js';

/** What {@link Authorities} decides on. */
export interface AuthoritiesDeps {
  readonly repository: Repository;
  readonly pki: Pki;
  readonly bundles: NodeBundles;
  readonly presence: PresenceBoard;
  readonly tokens: Tokens;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly log: Log;
}

/** Another generation is believed or signs. */
export interface AuthoritiesChange {
  /** An old key is in the wrong hands: whoever is connected shall show again who it is. */
  readonly endSessions: boolean;
}

const { STATE_ACTIVE, STATE_PASSIVE, STATE_PREPARED, STATE_RETIRED } = CaRecord_State;

/**
 * The rotation of the CAs: a new generation is prepared, so that everybody comes to know it; activated, so that it signs; and the one
 * before is retired once nothing that it signed is in use.
 *
 * Each step that changes what to believe makes the next version of the trust bundle, signed by a gRPC CA that the version before trusts. All
 * versions are kept, so that a node that was away for all of it follows from version to version.
 */
export class Authorities {
  readonly #deps: AuthoritiesDeps;
  readonly #gates: CaGates;
  #onChanged: (change: AuthoritiesChange) => void = () => {};

  constructor(deps: AuthoritiesDeps) {
    this.#deps = deps;
    this.#gates = new CaGates(deps);
    // Whichever server decided it, this one follows the store.
    deps.repository.onApplied(({ events }) => {
      if (events.some(({ key }) => kindOf(key) === 'ca')) this.#follow();
    });
  }

  /** Tells of every change from now on. */
  onChanged(listener: (change: AuthoritiesChange) => void): void {
    this.#onChanged = listener;
  }

  /** Every generation, and what keeps its next step waiting. */
  status(): GetCaStatusResponse {
    const { repository, clock } = this.#deps;
    return this.#gates.status(repository.view, clock.now());
  }

  /**
   * Makes the next generation and tells everybody of it. A generation that is prepared already stays the one.
   *
   * @param purpose grpc or network.
   * @throws DomainError `invalid_argument`, `key_file_unsafe`.
   */
  async prepare(purpose: string, caller: Caller): Promise<GetCaStatusResponse> {
    const of = purposeOf(purpose);
    const { repository, pki, clock } = this.#deps;
    if (prepared(repository.view, of) !== undefined) return this.status();
    const generation = (repository.view.cas(of).at(-1)?.value.generation ?? 0) + 1;
    // On disk first: what the store names must be there after any crash.
    const { certificate } = await pki.make(of, generation, clock.now());
    await repository.update((view) => {
      if (prepared(view, of) !== undefined) return { if: [], then: [], result: undefined };
      const nowMs = clock.now();
      const record = { purpose: of, generation, state: STATE_PREPARED, certificate: certificate.raw, createdAtMs: nowMs, activatedAtMs: 0 };
      const standing = standingOf(view);
      const { active: signer, trusted } = standing[of];
      const bundle = this.#nextBundle(view, { ...standing, [of]: { active: signer, trusted: [...trusted, generation] } }, nowMs);
      return {
        if: [{ key: keys.ca(of, generation), absent: true }, ...bundle.if],
        then: [putCa(record), ...bundle.then, auditOf(caller, 'PrepareCa', record, nowMs)],
        result: undefined,
      };
    });
    return this.status();
  }

  /**
   * Lets the prepared generation sign, the server's own certificate first.
   *
   * @param compromised Does not wait for anybody, and ends all sessions.
   * @throws DomainError `ca_not_ready` naming who does not know the generation yet; `invalid_argument`.
   */
  async activate(purpose: string, compromised: boolean, caller: Caller): Promise<GetCaStatusResponse> {
    const of = purposeOf(purpose);
    const { repository, clock } = this.#deps;
    await repository.update((view) => {
      const next = prepared(view, of);
      if (next === undefined) throw new DomainError('ca_not_ready', `${of} CA: no generation is prepared; "ncadm ca prepare" makes one`);
      const nowMs = clock.now();
      if (!compromised) this.#requireOpen(view, next.value, nowMs);
      const before = active(view, of);
      const record: CaRecord = { ...next.value, state: STATE_ACTIVE, activatedAtMs: nowMs };
      return {
        if: [unchanged(next), unchanged(before)],
        then: [putCa(record), putCa({ ...before.value, state: STATE_PASSIVE }), auditOf(caller, 'ActivateCa', record, nowMs, compromised)],
        result: undefined,
      };
    });
    // The list in force is signed by the generation before, and would not be believed without it.
    if (of === 'network') await repository.update((view) => ({ ...this.#deps.revocations.publication(view, [], clock.now()), result: undefined }));
    if (compromised) this.#onChanged({ endSessions: true });
    return this.status();
  }

  /**
   * Takes a generation that signs no more out of what is believed.
   *
   * @param compromised Does not wait for what it signed, and ends all sessions; nodes get new certificates by their registered keys.
   * @throws DomainError `ca_not_ready` while something that it signed is in use, or when it still signs; `invalid_argument`.
   */
  async retire(purpose: string, generation: number, compromised: boolean, caller: Caller): Promise<GetCaStatusResponse> {
    const of = purposeOf(purpose);
    const { repository, clock } = this.#deps;
    await repository.update((view) => {
      const nowMs = clock.now();
      const found = view.cas(of).find(({ value }) => value.generation === generation);
      if (found === undefined) throw new DomainError('invalid_argument', `generation: want one of the ${of} CA (see "ncadm ca status"), got ${generation}`);
      if (found.value.state === STATE_RETIRED) return { if: [], then: [], result: undefined };
      requirePassive(found.value);
      if (!compromised) this.#requireOpen(view, found.value, nowMs);
      const standing = standingOf(view);
      const { active: signer, trusted } = standing[of];
      const bundle = this.#nextBundle(view, { ...standing, [of]: { active: signer, trusted: trusted.filter((each) => each !== generation) } }, nowMs);
      const record: CaRecord = { ...found.value, state: STATE_RETIRED };
      return {
        if: [unchanged(found), ...bundle.if],
        then: [putCa(record), ...bundle.then, auditOf(caller, 'RetireCa', record, nowMs, compromised)],
        result: undefined,
      };
    });
    if (compromised) this.#onChanged({ endSessions: true });
    return this.status();
  }

  #follow(): void {
    const { pki, repository, log } = this.#deps;
    try {
      pki.follow(standingOf(repository.view));
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      log.error('this server cannot follow the rotation of the CAs', { reason: error.message });
      return;
    }
    const { grpc, network } = pki.standing;
    log.info('CAs changed', { grpc: grpc.active, network: network.active });
    this.#onChanged({ endSessions: false });
  }

  #nextBundle(view: LocalView, standing: Parameters<Pki['trustBundle']>[1], nowMs: number): { if: Compare[]; then: Operation[] } {
    const version = latestBundle(view).version + 1;
    return { if: [{ key: keys.bundle(version), absent: true }], then: [putBundle(this.#deps.pki.trustBundle(version, standing), nowMs)] };
  }

  #requireOpen(view: LocalView, record: CaRecord, nowMs: number): void {
    const reasons = this.#gates.waitsFor(view, record, nowMs);
    if (reasons.length > 0) throw notReady(record, reasons.join('; '));
  }
}

function requirePassive(record: CaRecord): void {
  if (record.state !== STATE_PASSIVE) throw notReady(record, `is ${stateName(record.state)}; only one that signs no more can be retired`);
}

function notReady({ purpose, generation }: CaRecord, reason: string): DomainError {
  return new DomainError('ca_not_ready', `${purpose} CA generation ${generation}: ${reason}`);
}

function prepared(view: LocalView, purpose: CaPurpose): Versioned<CaRecord> | undefined {
  return view.cas(purpose).find(({ value }) => value.state === STATE_PREPARED);
}

function active(view: LocalView, purpose: CaPurpose): Versioned<CaRecord> {
  const found = view.cas(purpose).find(({ value }) => value.state === STATE_ACTIVE);
  if (found === undefined) throw new Error(`the store names no ${purpose} CA that signs`);
  return found;
}

function unchanged({ key, modRev }: Versioned<CaRecord>): Compare {
  return { key, modRev };
}

function auditOf(caller: Caller, method: string, { purpose, generation }: CaRecord, nowMs: number, compromised = false): Operation {
  return auditOperation(caller, { object: `ca/${purpose}/${generation}`, method, reason: compromised ? 'compromised' : '' }, nowMs);
}

function purposeOf(text: string): CaPurpose {
  if (text === 'grpc' || text === 'network') return text;
  throw new DomainError('invalid_argument', `purpose: want grpc or network, got ${JSON.stringify(text.slice(0, 32))}`);
}
