import type { DnsAddress } from './query-handler.js';

/** Another name server. */
export interface Upstream extends DnsAddress {
  /** The names that it is asked about: those below this one. Left out: all that no other upstream is named for. */
  readonly suffix?: string;
  /** Asked over TLS, which must show a certificate for `name`. @see RFC 7858 */
  readonly tls?: {
    readonly name: string;
    /** CA certificates to trust, PEM; those of the system when left out. */
    readonly ca?: string;
  };
}

/** Names that are ours alone to answer: what is not found here does not exist, and nobody else is asked. */
export interface Enclosure {
  readonly suffix: string;
  /** The types that it is about, `A`; all when left out. */
  readonly types?: readonly string[];
}
