import { plainAddress } from '../../platform/address-bytes.js';

/** Where a datagram came from: a UDP address as node:dgram tells it, or a node's TCP connection. */
export interface Source {
  /**
   * An IPv4 or IPv6 address; of a dual-stack socket IPv4 looks like `::ffff:203.0.113.7`. Of a TCP connection it is
   * {@link tcpAddress}.
   */
  readonly address: string;
  readonly port: number;
  /** The node whose certificate opened the TCP connection, the only one that may speak over it; undefined for UDP. */
  readonly nodeId?: string;
}

/** Sends one datagram, or loses it as networks do. */
export type Send = (datagram: Uint8Array, address: string, port: number) => void;

/** Precedes the address of a TCP connection, so that it never equals a UDP source. */
const TCP = 'tcp ';

/** How the other end of a TCP connection stands in a {@link Source}. */
export function tcpAddress(address: string): string {
  return `${TCP}${address}`;
}

/** Whether the address of a {@link Source} is that of a TCP connection. */
export function isTcp(address: string): boolean {
  return address.startsWith(TCP);
}

/** The IP address of a {@link Source}. */
export function ipAddress(address: string): string {
  return isTcp(address) ? address.slice(TCP.length) : address;
}

/** `203.0.113.7:51820` or `[2001:db8::7]:51820`. */
export function formatEndpoint(source: Source): string {
  const address = plainAddress(ipAddress(source.address));
  return address.includes(':') ? `[${address}]:${source.port}` : `${address}:${source.port}`;
}
