import { DomainError } from '../../domain/errors.js';
import type { Clock } from '../../platform/clock.js';
import type { DnsAddress, Listening, QueryHandler } from './query-handler.js';
import { listenOnTcp } from './tcp-listener.js';
import { listenOnUdp } from './udp-listener.js';

/** How often a free port is drawn until it is free for UDP and TCP. */
const MAX_DRAWS = 10;

/** The ports in use, in the order of the addresses, and the end of them all. */
export interface Listeners {
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

/**
 * Listens on each address over UDP and TCP at the same port. All or none.
 *
 * @throws DomainError `port_taken`; `config_invalid` for an address or port that this user cannot have.
 */
export async function openListeners(addresses: readonly DnsAddress[], handle: QueryHandler, clock: Clock): Promise<Listeners> {
  const open: Listening[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(open.map((listening) => listening.stop()));
  };
  const ports: number[] = [];
  for (const address of addresses) {
    const pair = await listenOnBoth(address, handle, clock).catch(async (error: unknown) => {
      await stop();
      throw explain(error, address);
    });
    open.push(...pair);
    ports.push(pair[0].port);
  }
  return { ports, stop };
}

async function listenOnBoth(address: DnsAddress, handle: QueryHandler, clock: Clock, draw = 1): Promise<[Listening, Listening]> {
  const udp = await listenOnUdp(address, handle);
  try {
    return [udp, await listenOnTcp({ host: address.host, port: udp.port }, handle, clock)];
  } catch (error) {
    await udp.stop();
    if (address.port === 0 && draw < MAX_DRAWS && codeOf(error) === 'EADDRINUSE') return listenOnBoth(address, handle, clock, draw + 1);
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function explain(cause: unknown, { host, port }: DnsAddress): unknown {
  switch (codeOf(cause)) {
    case 'EADDRINUSE':
      return new DomainError('port_taken', `dns: want to listen on ${host} port ${port}, which another program has; stop it or choose another port`, { cause });
    case 'EACCES':
      return new DomainError('config_invalid', `dns: want to listen on ${host} port ${port}, which this user may not; grant CAP_NET_BIND_SERVICE or choose a port above 1023`, { cause });
    case 'EADDRNOTAVAIL':
      return new DomainError('config_invalid', `dns: want to listen on ${host}, which is no address of this machine`, { cause });
    default:
      return cause;
  }
}
