import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { DomainError } from '../../domain/errors.js';

/** What a certificate's subjectAltName lists, each kind in its order. */
export interface ListedNames {
  readonly dns: readonly string[];
  readonly uris: readonly string[];
  /** In canonical text, IPv6 as in RFC 5952. */
  readonly ips: readonly string[];
}

/**
 * Takes apart the subjectAltName as node:crypto and node:tls print it: `DNS:a, URI:nc://…, IP Address:10.66.0.5`.
 *
 * A value that could be mistaken for more than one is printed in quotes; nothing that we issue needs them, so quotes are refused
 * instead of being interpreted. So is every other kind of name.
 *
 * @throws DomainError `certificate_invalid`
 * @see https://nodejs.org/api/crypto.html#x509subjectaltname
 */
export function listNames(subjectAltName: string | undefined): ListedNames {
  const names = { dns: [] as string[], uris: [] as string[], ips: [] as string[] };
  for (const entry of subjectAltName === undefined || subjectAltName === '' ? [] : subjectAltName.split(', ')) {
    const [, kind, value] = /^(DNS|URI|IP Address):([^"]+)$/.exec(entry) ?? [];
    if (kind === undefined || value === undefined) throw new DomainError('certificate_invalid', 'certificate: want DNS names, URIs and addresses only');
    if (kind === 'DNS') names.dns.push(value);
    else if (kind === 'URI') names.uris.push(value);
    else names.ips.push(canonicalIp(value));
  }
  return names;
}

/** The one text of an address. @throws DomainError `certificate_invalid` when it is none. */
export function canonicalIp(text: string): string {
  // ipaddr.js alone takes "10.66.5" and "0x0a.66.0.5" too, which other readers take for other addresses.
  if (isIP(text) === 0 || text.includes('%')) throw new DomainError('certificate_invalid', 'certificate: want an IPv4 or IPv6 address');
  return ipaddr.parse(text).toString();
}
