import { createSocket } from 'node:dgram';

// Sends every datagram back as an answer: what Node.js itself takes for one, whatever the answer is.

const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20, lookup: (host, _options, done) => done(null, host, 4) });
socket.on('message', (message, from) => {
  message[2]! |= 0x80;
  socket.send(message, from.port, from.address);
});
process.on('disconnect', () => process.exit(0));
process.once('message', () => socket.bind(0, '127.0.0.1', () => process.send?.({ port: socket.address().port })));
