import { DomainError } from './errors.js';
import { formatIp6, parseIp4, parseIp6 } from './ip.js';

/** Where a server listens: a DNS name or an address, and a port. */
export interface HostPort {
  /** Lower-case DNS name, IPv4 address, or IPv6 address without brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

const NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*$/;
const SHAPE = /^(?:\[([^\]]*)\]|([^:[\]]*)):([1-9][0-9]{0,4})$/;

/**
 * Reads `host:port` or `[IPv6]:port`.
 *
 * @param field Name of the value in the error sentence.
 * @throws DomainError `invalid_argument`
 * @see RFC 3986 §3.2.2 for the brackets
 */
export function parseHostPort(text: string, field = 'endpoint'): HostPort {
  const [, bracketed, plain, digits] = SHAPE.exec(text) ?? [];
  const port = Number(digits);
  const host = bracketed === undefined ? parseName(plain?.toLowerCase(), field) : formatIp6(parseIp6(bracketed, field));
  if (host === undefined || !(port <= 65_535)) {
    throw new DomainError('invalid_argument', `${field}: want host:port or [IPv6 address]:port, port 1 to 65535`);
  }
  return { host, port };
}

/** The text that {@link parseHostPort} reads. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A name whose last label is a number would be an address to some and a name to others: it must be a whole address. */
function parseName(host: string | undefined, field: string): string | undefined {
  if (host === undefined || !NAME.test(host)) return undefined;
  if (/(^|\.)(\d+|0x[0-9a-f]*)$/.test(host)) parseIp4(host, field);
  return host;
}
