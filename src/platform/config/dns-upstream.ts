import * as v from 'valibot';
import { parseDnsName } from '../../domain/dns-name.js';
import { DomainError } from '../../domain/errors.js';
import type { HostPort } from '../../domain/host-port.js';
import { parsed } from '../yaml-config.js';
import { parseListenAddress } from './listen-address.js';

/** Another name server, as server.yml names it. */
export interface UpstreamSettings extends HostPort {
  /** It is asked about these names only; undefined for all that no other is named for. */
  readonly suffix: string | undefined;
  /** Asked over TLS: the name in its certificate, and a file with the CA to trust instead of the system's. */
  readonly tls: { readonly name: string; readonly caFile: string | undefined } | undefined;
}

const DNS_PORT = 53;
/** @see RFC 7858 §3.1 */
const DNS_TLS_PORT = 853;
const WANTED = 'an address like "10.0.0.1", "tls://9.9.9.9:853#dns.quad9.net", or {server, suffix, ca}';

const server = parsed(parseServer, WANTED);

const detailed = v.strictObject({ server, suffix: v.optional(parsed(parseDnsName, 'a domain like "corp.example"')), ca: v.optional(v.string('a file')) }, WANTED);

type Entry = v.InferOutput<typeof server> | v.InferOutput<typeof detailed>;

/** One entry of `dns.upstreams`: the server, or the server with what it is for. */
export const UPSTREAM: v.GenericSchema<unknown, Entry> = v.lazy((input) => (typeof input === 'string' ? server : detailed) as v.GenericSchema<unknown, Entry>);

/** The entry with nothing left out. @param at Makes a file's name absolute. */
export function upstreamOf(entry: Entry, at: (file: string) => string): UpstreamSettings {
  const { server: { host, port, name }, suffix, ca } = 'server' in entry ? entry : { server: entry, suffix: undefined, ca: undefined };
  return { host, port, suffix, tls: name === undefined ? undefined : { name, caFile: ca === undefined ? undefined : at(ca) } };
}

/** An address, or `tls://address#name` with the name that its certificate must show. */
function parseServer(text: string, field: string): HostPort & { readonly name: string | undefined } {
  if (!text.startsWith('tls://')) return { ...parseListenAddress(text, field, DNS_PORT), name: undefined };
  const [address = '', name = '', ...more] = text.slice('tls://'.length).split('#');
  if (name === '' || more.length > 0) {
    throw new DomainError('invalid_argument', `${field}: want the name in its certificate after "#", like "tls://9.9.9.9:853#dns.quad9.net", got ${JSON.stringify(text)}`);
  }
  return { ...parseListenAddress(address, field, DNS_TLS_PORT), name };
}
