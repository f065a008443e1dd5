import type { KeepServicesRequest, KeepServicesResponse, ServiceState } from '../../gen/networkcontroller/v1/node.js';
import type { Duplex, DuplexEvents } from '../../platform/rpc-client.js';

/** What becomes of renewals. */
export interface RenewalEvents {
  /** The controller does not know these ids. */
  onUnknown(ids: readonly string[]): void;
  /** Nothing is renewed until the next attempt, which begins anew. */
  onFailed(error: Error): void;
}

/** Opens the stream that leases are renewed over. */
export type OpenKeeping = (events: DuplexEvents<KeepServicesResponse>) => Duplex<KeepServicesRequest>;

/**
 * Renews the leases of this node's services over one stream of its connection. Which they are and how healthy is said when that has
 * changed; a renewal without a change is a message of no bytes, and has no answer.
 */
export class KeptLeases {
  readonly #open: OpenKeeping;
  #stream: Duplex<KeepServicesRequest> | undefined;
  #said = '';

  constructor(open: OpenKeeping) {
    this.#open = open;
  }

  /** Renews the leases of these and of no others. */
  renew(states: readonly ServiceState[], events: RenewalEvents): void {
    const wanted = JSON.stringify(states);
    if (this.#stream === undefined) this.#begin(events);
    this.#stream?.write({ services: wanted === this.#said ? [] : [...states] });
    this.#said = wanted;
  }

  #begin(events: RenewalEvents): void {
    this.#said = '';
    const stream = this.#open({
      onMessage: ({ unknown }) => events.onUnknown(unknown),
      onEnd: (error) => {
        if (this.#stream === stream) this.#stream = undefined;
        if (error !== undefined) events.onFailed(error);
      },
    });
    this.#stream = stream;
  }
}
