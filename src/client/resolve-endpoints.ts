import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** Looks a host name up; the system's resolver. */
export type Lookup = (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;

const systemLookup: Lookup = (host) => lookup(host, { all: true });

/**
 * Turns `host:port` into addresses that WireGuard reports back as they are: IP literals, in order, each once.
 *
 * A name that does not resolve now is left out: the others, or the next attempt, may do.
 */
export async function resolveEndpoints(endpoints: readonly string[], look: Lookup = systemLookup): Promise<string[]> {
  const lists = await Promise.all(endpoints.map((endpoint) => resolveOne(endpoint, look)));
  return [...new Set(lists.flat())];
}

async function resolveOne(endpoint: string, look: Lookup): Promise<string[]> {
  const at = endpoint.lastIndexOf(':');
  const host = endpoint.slice(0, at).replace(/^\[|\]$/g, '');
  const port = endpoint.slice(at + 1);
  if (isIP(host) !== 0) return [endpoint];
  const found = await look(host).catch(() => []);
  return found.map(({ address, family }) => (family === 6 ? `[${address}]:${port}` : `${address}:${port}`));
}
