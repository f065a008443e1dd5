import { DomainError } from '../domain/errors.js';
import { BootstrapServiceClient } from '../gen/networkcontroller/v1/bootstrap.js';
import type { TrustBundle } from '../gen/networkcontroller/v1/types.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import { callUnary, connectUnverified } from '../platform/rpc-client.js';

/** What a {@link TrustWalk} is made of. */
export interface TrustWalkDeps {
  /** Bootstrap listeners, host:port. */
  endpoints(): readonly string[];
  /** Of the trust bundle in force. */
  version(): number;
  /** Takes a newer trust bundle over if the one in force vouches for it; tells whether it did. */
  takeBundle(bundle: TrustBundle): boolean;
  /** Other CAs are believed than before. */
  onChanged(): void;
  readonly clock: Clock;
  readonly log: Log;
}

const PAUSE_MS = 30_000;

/**
 * The way back for a node that was away while the CAs were exchanged: no controller shows a certificate that it can verify.
 *
 * It asks for the trust bundles after its own, without knowing who answers, and goes from version to version as far as each is signed by a CA
 * of the one before. All trust is in those signatures; who answers can at worst say nothing.
 */
export class TrustWalk {
  readonly #deps: TrustWalkDeps;
  #notBeforeMs = 0;

  constructor(deps: TrustWalkDeps) {
    this.#deps = deps;
  }

  /** Tries it, at most every half a minute: mostly the controller is just away. */
  soon(): void {
    const nowMs = this.#deps.clock.now();
    if (nowMs < this.#notBeforeMs) return;
    this.#notBeforeMs = nowMs + PAUSE_MS;
    void this.#walk();
  }

  async #walk(): Promise<void> {
    for (const address of this.#deps.endpoints()) {
      if (await this.#walkWith(address)) return this.#deps.onChanged();
    }
  }

  async #walkWith(address: string): Promise<boolean> {
    const { version, takeBundle, log } = this.#deps;
    const client = connectUnverified(BootstrapServiceClient, address);
    try {
      const { bundles } = await callUnary(client, 'getTrustBundle', { afterVersion: version() });
      let moved = false;
      for (const bundle of bundles) moved = takeBundle(bundle) || moved;
      if (moved) log.info('followed the trust bundles', { version: version() });
      return moved;
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      log.debug('no trust bundles to follow', { address, reason: error.message });
      return false;
    } finally {
      client.close();
    }
  }
}
