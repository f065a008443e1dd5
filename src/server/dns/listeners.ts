import { DomainError } from '../../domain/errors.js';
import type { Clock } from '../../platform/clock.js';
import type { DnsAddress, DnsTlsMaterial, Listening, QueryHandler, Repeater } from '../../platform/dns/query-handler.js';
import { listenOnTcp } from '../../platform/dns/tcp-listener.js';
import { listenOnTls, type TlsListening } from './tls-listener.js';
import { listenOnUdp } from '../../platform/dns/udp-listener.js';

/** How often a free port is drawn until it is free for UDP and TCP. */
const MAX_DRAWS = 10;

/** Where to listen: in the clear, over UDP and TCP each, and over TLS. */
export interface ListenerAddresses {
  readonly listen: readonly DnsAddress[];
  readonly tls: { readonly listen: readonly DnsAddress[]; readonly material: DnsTlsMaterial } | undefined;
}

/** Who answers; `repeat` is asked first over UDP. */
interface Answering {
  readonly handle: QueryHandler;
  readonly repeat: Repeater;
}

/** The ports in use, in the order of the addresses, and the end of them all. */
export interface Listeners {
  readonly ports: readonly number[];
  readonly tlsPorts: readonly number[];
  setCertificate(material: DnsTlsMaterial): void;
  stop(): Promise<void>;
}

/**
 * Listens on every address, or on none.
 *
 * @throws DomainError `port_taken`; `config_invalid` for an address or port that this user cannot have.
 */
export async function openListeners(addresses: ListenerAddresses, { handle, repeat }: Answering, clock: Clock): Promise<Listeners> {
  const open: Listening[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(open.map((listening) => listening.stop()));
  };
  const plain: Listening[] = [];
  const tls: TlsListening[] = [];
  const { listen, material } = addresses.tls ?? { listen: [], material: undefined };
  try {
    for (const address of addresses.listen) plain.push(await explained(address, listenOnBoth(address, { handle, repeat }, clock, open)));
    for (const address of listen) tls.push(await explained(address, listenOnTls(address, material!, handle, clock)));
  } catch (error) {
    open.push(...tls);
    await stop();
    throw error;
  }
  open.push(...tls);
  return {
    ports: plain.map(({ port }) => port),
    tlsPorts: tls.map(({ port }) => port),
    setCertificate: (next) => tls.forEach((listening) => listening.setCertificate(next)),
    stop,
  };
}

/** @param open Takes in what was opened. @returns The one of UDP. */
async function listenOnBoth(address: DnsAddress, answering: Answering, clock: Clock, open: Listening[], draw = 1): Promise<Listening> {
  const udp = await listenOnUdp(address, answering.handle, answering.repeat);
  try {
    open.push(await listenOnTcp({ host: address.host, port: udp.port }, answering.handle, clock), udp);
    return udp;
  } catch (error) {
    await udp.stop();
    if (address.port === 0 && draw < MAX_DRAWS && codeOf(error) === 'EADDRINUSE') return listenOnBoth(address, answering, clock, open, draw + 1);
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Passes a listener on, or says in words why there is none. */
async function explained<T>({ host, port }: DnsAddress, listening: Promise<T>): Promise<T> {
  try {
    return await listening;
  } catch (cause) {
    switch (codeOf(cause)) {
      case 'EADDRINUSE':
        throw new DomainError('port_taken', `dns: want to listen on ${host} port ${port}, which another program has; stop it or choose another port`, { cause });
      case 'EACCES':
        throw new DomainError('config_invalid', `dns: want to listen on ${host} port ${port}, which this user may not; grant CAP_NET_BIND_SERVICE or choose a port above 1023`, { cause });
      case 'EADDRNOTAVAIL':
        throw new DomainError('config_invalid', `dns: want to listen on ${host}, which is no address of this machine`, { cause });
      default:
        throw cause;
    }
  }
}
