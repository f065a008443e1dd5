import type { AnswerSource } from './answer-source.js';

/** Which way a query came: over the network as datagram, stream, TLS or HTTPS, or through the overlay. */
export type Via = 'udp' | 'tcp' | 'tls' | 'https' | 'tunnel';

/** Who asks, and how. */
export interface DnsClient {
  readonly via: Via;
  /** Without port. */
  readonly address: string;
  /** Known to be one of ours by other means than its address. */
  readonly own?: boolean;
  /** The network that it is in, known by other means than its address. */
  readonly network?: string;
}

/** Takes an answer and where it came from, or undefined for a message that gets none. */
export type Replier = (answer: Buffer | undefined, source?: AnswerSource) => void;

/** Takes one message and calls `reply` exactly once, at once or later. */
export type QueryHandler = (message: Uint8Array, client: DnsClient, reply: Replier) => void;

/** Answers at once a query over UDP that came before from such a client; undefined for one that is to be handled. */
export type Repeater = (query: Buffer, address: string) => Buffer | undefined;

/** Where a name server listens. */
export interface DnsAddress {
  /** IPv4 or IPv6 address. */
  readonly host: string;
  readonly port: number;
}

/** What a TLS listener shows: its certificate with what links it to the CA, and the key, PEM. */
export interface DnsTlsMaterial {
  readonly chainPem: string;
  readonly privateKeyPem: string;
}

/** A listener that answers. */
export interface Listening {
  readonly port: number;
  stop(): Promise<void>;
}
