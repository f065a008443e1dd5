import { isIP, isIPv6 } from 'node:net';
import { DomainError } from '../../domain/errors.js';
import type { HostPort } from '../../domain/host-port.js';

/**
 * Parses `10.0.0.1`, `10.0.0.1:53`, `::1`, `[::1]:53`. No names: to resolve them takes a resolver.
 *
 * @param defaultPort When none is given; port 0 takes a free one.
 * @throws DomainError `invalid_argument`.
 */
export function parseListenAddress(text: string, field: string, defaultPort: number): HostPort {
  const match = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text) ?? (isIPv6(text) ? [text, text] : /^([^:]+)(?::(\d{1,5}))?$/.exec(text));
  const host = match?.[1] ?? '';
  const port = match?.[2] === undefined ? defaultPort : Number(match[2]);
  if (isIP(host) === 0 || port > 65_535) {
    throw new DomainError('invalid_argument', `${field}: want an address with port like "127.0.0.1:5353" or "[::1]:5353", got ${JSON.stringify(text)}`);
  }
  return { host, port };
}
