import type { Transport } from '../../platform/dns/reply.js';

/** Who asks, and how. */
export interface DnsClient {
  readonly transport: Transport;
  /** Without port. */
  readonly address: string;
}

/**
 * Takes one message and calls `reply` exactly once, at once or later: with the answer, or with undefined for a
 * message that gets none.
 */
export type QueryHandler = (message: Uint8Array, client: DnsClient, reply: (answer: Buffer | undefined) => void) => void;

/** Where a name server listens. */
export interface DnsAddress {
  /** IPv4 or IPv6 address. */
  readonly host: string;
  readonly port: number;
}

/** A listener that answers. */
export interface Listening {
  readonly port: number;
  stop(): Promise<void>;
}
