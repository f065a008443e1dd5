import { contains4, contains6, parseCidr4, parseCidr6, type Cidr4, type Cidr6 } from '../../domain/cidr.js';
import { parseIp4, parseIp6 } from '../../domain/ip.js';
import type { ZoneNetwork } from '../../domain/zone-input.js';

const LOOPBACK4 = parseCidr4('127.0.0.0/8');
const LOOPBACK6 = parseCidr6('::1/128');

/** Addresses whose judgement is remembered. */
const MAX_REMEMBERED = 4096;

/**
 * Tells our own clients, the nodes of our networks and this machine, from everybody else. Only they may have other
 * names looked up: a resolver open to all is a weapon against others.
 *
 * @see RFC 5358
 */
export class OwnClients {
  readonly #networks = new Map<string, { readonly cidr: Cidr4; readonly cidr6: Cidr6 | undefined }>();
  readonly #remembered = new Map<string, string | undefined>();
  /** Who asked last often asks next, and to compare an address costs less than to look it up. */
  #last: { readonly address: string; readonly network: string | undefined } | undefined;

  /** @throws DomainError `invalid_argument` for a malformed network. */
  set(network: ZoneNetwork): void {
    this.#networks.set(network.name, { cidr: parseCidr4(network.cidr), cidr6: network.cidr6 === '' ? undefined : parseCidr6(network.cidr6) });
    this.#forget();
  }

  remove(name: string): void {
    this.#networks.delete(name);
    this.#forget();
  }

  /**
   * The network that a client is in.
   *
   * @param address As a socket reports it, without port; an IPv6 one may carry a zone.
   * @returns Empty for this machine, undefined for strangers.
   */
  networkOf(address: string): string | undefined {
    if (this.#last?.address === address) return this.#last.network;
    const network = this.#judge(address);
    this.#last = { address, network };
    return network;
  }

  #forget(): void {
    this.#remembered.clear();
    this.#last = undefined;
  }

  #judge(address: string): string | undefined {
    const known = this.#remembered.get(address);
    if (known !== undefined || this.#remembered.has(address)) return known;
    const network = address.includes(':') ? this.#networkOf6(address) : this.#networkOf4(address);
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(address, network);
    return network;
  }

  #networkOf4(address: string): string | undefined {
    const ip = parseIp4(address);
    if (contains4(LOOPBACK4, ip)) return '';
    return [...this.#networks].find(([, { cidr }]) => contains4(cidr, ip))?.[0];
  }

  #networkOf6(address: string): string | undefined {
    const ip = parseIp6(address.replace(/%.*/, ''));
    if (contains6(LOOPBACK6, ip)) return '';
    return [...this.#networks].find(([, { cidr6 }]) => cidr6 !== undefined && contains6(cidr6, ip))?.[0];
  }
}
