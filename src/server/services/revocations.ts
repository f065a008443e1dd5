import { CrlRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import { keys } from '../store/keys.js';
import type { LocalView, Repository } from '../store/local-view.js';
import type { Compare, Operation } from '../store/store.js';

/** One entry of a revocation list. */
export interface RevokedSerial {
  readonly serial: string;
  readonly revokedAtMs: number;
}

/** The part of the PKI that signs revocation lists. */
export interface CrlSigner {
  makeCrl(request: { readonly number: number; readonly revoked: readonly RevokedSerial[]; readonly nowMs: number }): Buffer;
}

/** A list is signed anew after this time even if nothing was revoked, so that it never runs out. */
const RENEW_MS = 24 * 3_600_000;

/**
 * The revocation list of the network CA, a record like any other: its number only grows, every replica serves the same
 * one, and it reaches the agents as a change of the map. The control listener needs none, it looks at the
 * certificate's row.
 */
export class Revocations {
  readonly #repository: Repository;
  readonly #signer: CrlSigner;
  readonly #clock: Clock;

  constructor(deps: { repository: Repository; signer: CrlSigner; clock: Clock }) {
    this.#repository = deps.repository;
    this.#signer = deps.signer;
    this.#clock = deps.clock;
  }

  /**
   * The part of a transaction that publishes a new list.
   *
   * @param more Serials that the same transaction revokes.
   */
  publication(view: LocalView, more: readonly RevokedSerial[], nowMs: number): { if: Compare[]; then: Operation[] } {
    const current = view.crl();
    const listed = new Map(view.revokedCertificates('network', nowMs).map(({ value }): [string, RevokedSerial] => [value.serial, value]));
    for (const entry of more) listed.set(entry.serial, entry);
    const number = (current?.value.number ?? 0) + 1;
    const der = this.#signer.makeCrl({ number, revoked: [...listed.values()], nowMs });
    const key = keys.crl();
    return {
      if: [current === undefined ? { key, absent: true } : { key, modRev: current.modRev }],
      then: [{ put: key, value: CrlRecord.encode({ number, der, thisUpdateMs: nowMs }).finish() }],
    };
  }

  /** Publishes a new list if one is missing, old, or does not name everything that was revoked since. */
  async refresh(): Promise<void> {
    await this.#repository.update((view) => {
      const now = this.#clock.now();
      const since = view.crl()?.value.thisUpdateMs ?? Number.NEGATIVE_INFINITY;
      const stale = now - since >= RENEW_MS || view.revokedCertificates('network', now).some(({ value }) => value.revokedAtMs > since);
      return { ...(stale ? this.publication(view, [], now) : { if: [], then: [] }), result: undefined };
    });
  }
}
