import { contains4, contains6, formatCidr4, type Cidr4, type Cidr6 } from './cidr.js';
import { DomainError } from './errors.js';
import { formatIp4, formatIp6, parseIp4, type Ip4, type Ip6 } from './ip.js';

/** The two addresses of one host; the IPv6 one is empty in a network without IPv6. */
export interface HostAddresses {
  readonly bindIp: string;
  readonly bindIp6: string;
}

/**
 * How a network's hosts are numbered.
 *
 * A host has one number, its distance from the network's base, and both of its addresses follow from it. So one
 * bitmap serves both families, and an IPv6 address is unique because its IPv4 twin is.
 */
export class AddressPlan {
  readonly #cidr: Cidr4;
  readonly #cidr6: Cidr6 | undefined;

  /**
   * @throws DomainError `invalid_argument` for a network with no room for a controller and a node, or an IPv6
   *   prefix with fewer host bits than the IPv4 one.
   */
  constructor(cidr: Cidr4, cidr6?: Cidr6) {
    if (cidr.prefixLength > 30 || cidr.prefixLength < 8) {
      throw new DomainError('invalid_argument', `network: want a prefix from /8 to /30, got ${formatCidr4(cidr)}`);
    }
    if (cidr6 !== undefined && 128 - cidr6.prefixLength < 32 - cidr.prefixLength) {
      throw new DomainError(
        'invalid_argument',
        `network: want an IPv6 prefix of /${96 + cidr.prefixLength} or shorter beside ${formatCidr4(cidr)}, got /${cidr6.prefixLength}`,
      );
    }
    this.#cidr = cidr;
    this.#cidr6 = cidr6;
  }

  /** Numbers run from 0 to `size` − 1; 0 and `size` − 1 name no host, 1 is the controller. @see RFC 1122 §3.2.1.3 */
  get size(): number {
    return this.#cidr.size;
  }

  /** How many addresses nodes can have. */
  get capacity(): number {
    return this.#cidr.size - 3;
  }

  /** The number of the controller itself. */
  get controllerHost(): number {
    return 1;
  }

  /** Both addresses of a host. */
  addressesOf(host: number): HostAddresses {
    return {
      bindIp: formatIp4((this.#cidr.base + host) as Ip4),
      bindIp6: this.#cidr6 === undefined ? '' : formatIp6((this.#cidr6.base + BigInt(host)) as Ip6),
    };
  }

  /**
   * The number of the host that has this IPv4 address.
   *
   * @throws DomainError `invalid_argument` for an address that is malformed, outside the network, or no node's to have.
   */
  hostOf(address: string, field = 'address'): number {
    const ip = parseIp4(address, field);
    const host = ip - this.#cidr.base;
    if (!contains4(this.#cidr, ip) || host <= this.controllerHost || host >= this.#cidr.size - 1) {
      throw new DomainError('invalid_argument', `${field}: want a free host address of ${formatCidr4(this.#cidr)}, got ${address}`);
    }
    return host;
  }

  /** The network's part of a range of IPv4 addresses; undefined for one elsewhere. */
  within4(range: Cidr4): Cidr4 | undefined {
    if (range.prefixLength <= this.#cidr.prefixLength) return contains4(range, this.#cidr.base) ? this.#cidr : undefined;
    return contains4(this.#cidr, range.base) ? range : undefined;
  }

  /** The IPv4 addresses of the hosts that have their IPv6 addresses in a range; undefined when there is none. */
  within6(range: Cidr6): Cidr4 | undefined {
    if (this.#cidr6 === undefined) return undefined;
    const hosts: Cidr6 = { base: this.#cidr6.base, prefixLength: 96 + this.#cidr.prefixLength };
    if (range.prefixLength <= hosts.prefixLength) return contains6(range, hosts.base) ? this.#cidr : undefined;
    if (!contains6(hosts, range.base)) return undefined;
    const prefixLength = range.prefixLength - 96;
    return { base: (this.#cidr.base + Number(range.base - hosts.base)) as Ip4, prefixLength, size: 2 ** (32 - prefixLength) };
  }

  /** Like {@link hostOf} for an address that the store holds: any host of the network, the controller's too. */
  hostOfStored(address: string): number {
    return parseIp4(address) - this.#cidr.base;
  }
}
