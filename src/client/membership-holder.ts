import type { TrustBundle } from '../gen/networkcontroller/v1/types.js';
import type { Membership } from './state/membership.js';
import type { StateFolder } from './state/state-folder.js';

/** The membership in force: what is on disk and what connections are made with are never two different things. */
export class MembershipHolder {
  readonly #state: StateFolder;
  #current: Membership;

  constructor(state: StateFolder, current: Membership) {
    this.#state = state;
    this.#current = current;
  }

  get current(): Membership {
    return this.#current;
  }

  /** Makes `next` the membership in force, on disk first. */
  replace(next: Membership): void {
    this.#state.save(next);
    this.#current = next;
  }

  /** Keeps a newer trust bundle with the keys and certificates as they are. */
  keepBundle(bundle: TrustBundle): void {
    this.replace({ ...this.#current, bundle });
  }
}
