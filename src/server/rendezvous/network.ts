import type { Peer } from './peer.js';

/** A network as the rendezvous sees it. Unknown settings are the strictest. */
export class Network {
  readonly members = new Set<Peer>();
  /** The controller's own addresses in it, as bytes. */
  addresses: readonly Buffer[] = [];
  /** Whether its nodes may reach each other. */
  interconnection = false;

  constructor(readonly name: string) {}

  isController(address: Buffer): boolean {
    return this.addresses.some((own) => own.equals(address));
  }
}
