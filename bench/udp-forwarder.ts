import { openUdpSocket } from '../src/server/rendezvous/udp-socket.js';

/**
 * `udp-forwarder.ts <address> <port>`: passes datagrams between the two sources that it hears first, and does nothing else. What a relay
 * in this language could do at best.
 */
const [address = '', port = ''] = process.argv.slice(2);
const socket = await openUdpSocket(address, Number(port));
const sides: { readonly address: string; readonly port: number }[] = [];

socket.on('message', (datagram, from) => {
  let side = sides.findIndex((each) => each.port === from.port && each.address === from.address);
  if (side < 0 && sides.length < 2) side = sides.push({ address: from.address, port: from.port }) - 1;
  const other = sides[1 - side];
  if (side >= 0 && other !== undefined) socket.send(datagram, other.port, other.address);
});
console.log('forwarding');
