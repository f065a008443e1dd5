import { createSocket } from 'node:dgram';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { decode, encode, RECURSION_DESIRED } from 'dns-packet';
import type { ZoneChange } from '../src/domain/zone-input.js';
import type { ZoneLine } from './dns-reference.js';

/** How many nodes have a name. */
export const NODES = 10_000;
/** The network whose nodes they are. */
export const NETWORK = { name: 'default', cidr: '10.66.0.0/16', cidr6: '' };
const START_MS = 30_000;
/** A load may cost a query; then the next one is sent. */
const ANSWER_MS = 20;

/** One address for each node, as a zone file has it. */
export function records(): ZoneLine[] {
  return Array.from({ length: NODES }, (_, i) => [`node-${i}.default.nc.internal`, 'A', addressOf(i)]);
}

/** The same as the server's own name server gets it. */
export function nodeChanges(): ZoneChange[] {
  return Array.from({ length: NODES }, (_, i) => ({ kind: 'node', node: { id: `n${i}`, network: 'default', name: `node-${i}`, bindIp: addressOf(i), bindIp6: '' } }));
}

/**
 * Asks for an address over UDP, again and again.
 *
 * @returns when an answer shows `address`, or any without one.
 * @throws Error when none did within 30 s.
 */
export async function untilAnswered(port: number, name: string, address?: string): Promise<void> {
  const socket = createSocket('udp4').on('error', () => {});
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const query = encode({ type: 'query', id: 1, flags: RECURSION_DESIRED, questions: [{ type: 'A', name }] });
  try {
    for (const giveUpMs = Date.now() + START_MS; Date.now() < giveUpMs; ) {
      socket.send(query);
      const reply = await once(socket, 'message', { signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => undefined);
      const found = reply === undefined ? [] : (decode(reply[0] as Buffer).answers ?? []);
      if (found.some((answer) => answer.type === 'A' && (address === undefined || answer.data === address))) return;
    }
  } finally {
    socket.close();
  }
  throw new Error(`port ${port}: want an answer for ${name}, got none in ${START_MS / 1000} s`);
}

/** Ports of loopback that are free at the moment. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function addressOf(i: number): string {
  return `10.66.${(i + 2) >> 8}.${(i + 2) & 255}`;
}
