import type { Upstream } from '../src/platform/dns/upstream.js';
import { silentLog } from '../src/platform/log.js';
import { startDns } from '../src/server/dns/start-dns.js';
import { NETWORK, nodeChanges } from './dns-names.js';

// A process with our name server and nothing else, so that its CPU and its core are the name server's. Told what to be by its parent.

/** What the parent says. */
export type ToChild =
  /** Once: what to serve. Without `upstreams` the names of all nodes. */
  | { readonly kind: 'start'; readonly signingKeys?: readonly string[]; readonly upstreams?: readonly Upstream[] }
  /** The main thread does nothing for a second in every second and a half from now on, or works as it should. */
  | { readonly kind: 'stall'; readonly on: boolean };

let stalling: NodeJS.Timeout | undefined;

function stall(on: boolean): void {
  clearInterval(stalling);
  if (!on) return;
  stalling = setInterval(() => {
    const end = performance.now() + 1000;
    while (performance.now() < end);
  }, 1500);
}

async function start({ signingKeys, upstreams }: Extract<ToChild, { kind: 'start' }>): Promise<void> {
  const own = upstreams === undefined ? { zone: 'nc.internal', networks: [NETWORK], changes: nodeChanges(), upstreams: [] } : { zone: 'other.internal', networks: [], upstreams };
  const dns = await startDns({ listen: [{ host: '127.0.0.1', port: 0 }], log: silentLog, ...own, ...(signingKeys && { signingKeys }) });
  process.send?.({ port: dns.ports[0] });
}

process.on('disconnect', () => process.exit(0));
process.on('message', (message: ToChild) => (message.kind === 'start' ? void start(message) : stall(message.on)));
