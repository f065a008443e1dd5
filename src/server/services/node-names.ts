import { LRUCache } from 'lru-cache';
import { DomainError } from '../../domain/errors.js';
import { labelFrom, nameVariant, parseNodeName, type NodeName } from '../../domain/names.js';
import type { TokenRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { LocalView } from '../store/local-view.js';
import type { SetAside } from './set-aside.js';

/** What a machine says of its name. */
export interface WantedName {
  /** The name wanted, or '' to be given a variant of `hostname`. */
  readonly nodeName: string;
  readonly hostname: string;
}

/** Of how many names it is remembered which variant was given last. */
const REMEMBERED = 10_000;

/**
 * Finds new nodes their names. The name's key in the store, made if absent, is what makes it somebody's; here the variants on their way
 * to it are remembered, so that machines of one hostname that come together do not meet on one.
 */
export class NodeNames {
  readonly #inFlight = new Set<string>();
  /** The variant given last, by network and name. It may be free again: then numbers are left out, which hurts nobody. */
  readonly #last = new LRUCache<string, number>({ max: REMEMBERED });

  /**
   * The token's name, else the one asked for, else a free variant of what the machine calls itself.
   *
   * @throws DomainError `name_taken`; `invalid_argument` for a name that is no label.
   */
  choose(view: LocalView, token: TokenRecord, wanted: WantedName, aside: SetAside): NodeName {
    const fixed = token.nodeName === '' ? wanted.nodeName : token.nodeName;
    if (fixed === '') return this.#variant(view, token.network, parseNodeName(labelFrom(wanted.hostname) || 'node'), aside);
    const name = parseNodeName(fixed);
    if (view.nameOwner(token.network, name) === undefined) return name;
    throw new DomainError('name_taken', `node_name: ${name} is a node of network ${token.network} already; choose another name or unregister that node`);
  }

  /** Looks further and further up until one is free: a few looks, however many machines share the hostname. */
  #variant(view: LocalView, network: string, base: NodeName, aside: SetAside): NodeName {
    const isFree = (n: number): boolean => this.#isFree(view, network, nameVariant(base, n));
    const n = isFree(1) ? 1 : lowestFree(this.#last.get(`${network}/${base}`) ?? 1, isFree);
    if (n > 1) this.#last.set(`${network}/${base}`, n);
    const name = nameVariant(base, n);
    const taken = `${network}/${name}`;
    this.#inFlight.add(taken);
    aside.add(() => this.#inFlight.delete(taken));
    return name;
  }

  #isFree(view: LocalView, network: string, name: NodeName): boolean {
    return !this.#inFlight.has(`${network}/${name}`) && view.nameOwner(network, name) === undefined;
  }
}

/** A free number above `taken`, with none free just below it: doubles the step until one is free, then halves the way back. */
function lowestFree(taken: number, isFree: (n: number) => boolean): number {
  let free = taken + 1;
  for (let step = 1; !isFree(free); step *= 2) [taken, free] = [free, free + step];
  while (free - taken > 1) {
    const middle = Math.floor((taken + free) / 2);
    if (isFree(middle)) free = middle;
    else taken = middle;
  }
  return free;
}
