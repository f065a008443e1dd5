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
  readonly #remembered = new Map<string, boolean>();

  /** @throws DomainError `invalid_argument` for a malformed network. */
  set(network: ZoneNetwork): void {
    this.#networks.set(network.name, { cidr: parseCidr4(network.cidr), cidr6: network.cidr6 === '' ? undefined : parseCidr6(network.cidr6) });
    this.#remembered.clear();
  }

  remove(name: string): void {
    this.#networks.delete(name);
    this.#remembered.clear();
  }

  /** @param address As a socket reports it, without port; an IPv6 one may carry a zone. */
  has(address: string): boolean {
    const known = this.#remembered.get(address);
    if (known !== undefined) return known;
    const own = address.includes(':') ? this.#has6(address) : this.#has4(address);
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(address, own);
    return own;
  }

  #has4(address: string): boolean {
    const ip = parseIp4(address);
    return contains4(LOOPBACK4, ip) || [...this.#networks.values()].some(({ cidr }) => contains4(cidr, ip));
  }

  #has6(address: string): boolean {
    const ip = parseIp6(address.replace(/%.*/, ''));
    return contains6(LOOPBACK6, ip) || [...this.#networks.values()].some(({ cidr6 }) => cidr6 !== undefined && contains6(cidr6, ip));
  }
}
