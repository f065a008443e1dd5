import { networkInterfaces } from 'node:os';
import { Endpoint_Kind, type Endpoint, type NetworkConfig } from '../gen/networkcontroller/v1/types.js';
import { localCandidates } from './candidates.js';

/** Where this node may be reached: what it is told, what it knows itself and what the controller has seen. */
export class OwnCandidates {
  readonly #interfaceName: string;
  #configured: readonly string[] = [];
  #listenPort = 0;
  #overlay: readonly string[] = [];
  #reflexive = '';

  /** @param interfaceName Our own interface, whose addresses are the overlay's. */
  constructor(interfaceName: string) {
    this.#interfaceName = interfaceName;
  }

  /** Somebody forwards these to this node, IP literals with port. */
  configuredAt(addresses: readonly string[]): void {
    this.#configured = addresses;
  }

  /** The endpoint under which the controller sees this node, or empty. */
  get reflexive(): string {
    return this.#reflexive;
  }

  /** The controller sees this node there. */
  seenAt(address: string): void {
    this.#reflexive = address;
  }

  /** The interface listens there, in this network. */
  listensOn(port: number, { cidr, cidr6 }: NetworkConfig): void {
    this.#listenPort = port;
    this.#overlay = [cidr, cidr6];
  }

  list(): Endpoint[] {
    const own = { listenPort: this.#listenPort, interfaceName: this.#interfaceName, overlay: this.#overlay };
    return [
      ...this.#configured.map((address) => ({ address, kind: Endpoint_Kind.KIND_CONFIGURED })),
      ...(this.#reflexive === '' ? [] : [{ address: this.#reflexive, kind: Endpoint_Kind.KIND_REFLEXIVE }]),
      ...(this.#listenPort === 0 ? [] : localCandidates(networkInterfaces(), own)),
    ];
  }
}
