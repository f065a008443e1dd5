import type { Server } from '../gen/networkcontroller/v1/node.js';
import { serverOrder } from './server-order.js';

/** The servers of the cluster as the last one has told of them, in an order that stays until there are others. */
export class KnownServers {
  readonly #dataCentre: string;
  readonly #random: () => number;
  #told = '';
  #control: readonly string[] = [];

  constructor(dataCentre: string, random: () => number) {
    this.#dataCentre = dataCentre;
    this.#random = random;
  }

  /** Control endpoints, the best first; empty before a server has told. */
  get control(): readonly string[] {
    return this.#control;
  }

  /** Takes a new list. */
  take(servers: readonly Server[]): void {
    const told = servers.map(({ name, dataCentre, control, draining }) => JSON.stringify([name, dataCentre, control, draining])).toSorted().join();
    if (told === this.#told) return;
    this.#told = told;
    this.#control = serverOrder(servers, this.#dataCentre, this.#random);
  }
}
