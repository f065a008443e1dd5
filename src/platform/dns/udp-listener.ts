import { createSocket, type RemoteInfo } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { DnsAddress, Listening, QueryHandler, Repeater } from './query-handler.js';

/**
 * Asked of the kernel for each direction. Its default holds some 250 small queries, this thousands: a pause of the
 * thread then delays answers and loses none. The kernel cuts it to net.core.rmem_max without a word.
 */
const BUFFER_OCTETS = 4 << 20;

/**
 * Answers over UDP.
 *
 * @param repeat Asked first; nothing is made for a query that it answers.
 * @throws NodeJS.ErrnoException when the address cannot be had.
 */
export async function listenOnUdp(address: DnsAddress, handle: QueryHandler, repeat?: Repeater): Promise<Listening> {
  const family = isIPv6(address.host) ? 6 : 4;
  const socket = createSocket({
    type: `udp${family}`,
    ipv6Only: family === 6,
    recvBufferSize: BUFFER_OCTETS,
    sendBufferSize: BUFFER_OCTETS,
    // Answers go to addresses, never to names; the default asks the system's resolver for each.
    lookup: (host, _options, done) => done(null, host, family),
  });
  // Without a callback: an answer that cannot be sent concerns only who asked for it.
  const answerNew = (message: Buffer, { address: host, port }: RemoteInfo): void =>
    handle(message, { via: 'udp', address: host }, (answer) => answer !== undefined && socket.send(answer, port, host));
  socket.on('message', (message, from) => {
    const known = repeat?.(message, from.address);
    if (known !== undefined) socket.send(known, from.port, from.address);
    else answerNew(message, from);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ port: address.port, address: address.host, exclusive: true }, resolve);
  });
  socket.removeAllListeners('error').on('error', () => {});
  return { port: socket.address().port, stop: () => new Promise((resolve) => socket.close(() => resolve())) };
}
