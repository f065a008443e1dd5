import { plainAddress } from '../../platform/address-bytes.js';

/** Where a datagram came from, as node:dgram tells it. */
export interface Source {
  /** An IPv4 or IPv6 address; of a dual-stack socket IPv4 looks like `::ffff:203.0.113.7`. */
  readonly address: string;
  readonly port: number;
}

/** Sends one datagram, or loses it as networks do. */
export type Send = (datagram: Uint8Array, address: string, port: number) => void;

/** `203.0.113.7:51820` or `[2001:db8::7]:51820`. */
export function formatEndpoint(source: Source): string {
  const address = plainAddress(source.address);
  return address.includes(':') ? `[${address}]:${source.port}` : `${address}:${source.port}`;
}
