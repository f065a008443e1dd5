import { createSocket } from 'node:dgram';
import { createServer, type AddressInfo } from 'node:net';
import { decode, encode, type Answer, type DecodedPacket } from 'dns-packet';
import { onTestFinished } from 'vitest';

/** How a {@link startNameServer} answers one query: with a packet, with octets, or not at all. */
export type Script = (query: DecodedPacket, transport: 'udp' | 'tcp', bytes: Buffer) => Buffer | undefined;

/** A foreign name server on a free port of 127.0.0.1, or at `at`, that does what `script` says and remembers what it was asked. */
export async function startNameServer(script: Script, at = { host: '127.0.0.1', port: 0 }) {
  const asked: { readonly name: string; readonly transport: 'udp' | 'tcp'; readonly fromPort: number }[] = [];
  const answer = (bytes: Buffer, transport: 'udp' | 'tcp', fromPort: number): Buffer | undefined => {
    const query = decode(bytes);
    asked.push({ name: query.questions?.[0]?.name ?? '', transport, fromPort });
    return script(query, transport, bytes);
  };
  const udp = createSocket('udp4').on('message', (bytes, from) => {
    const reply = answer(bytes, 'udp', from.port);
    if (reply !== undefined) udp.send(reply, from.port, from.address);
  });
  const tcp = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      const reply = answer(bytes.subarray(2), 'tcp', socket.remotePort ?? 0);
      if (reply === undefined) socket.destroy();
      else socket.write(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 255]), reply]));
    });
  });
  await new Promise<void>((resolve) => tcp.listen(at.port, at.host, resolve));
  const { port } = tcp.address() as AddressInfo;
  await new Promise<void>((resolve) => udp.bind(port, at.host, resolve));
  onTestFinished(() => {
    udp.close();
    tcp.close();
  });
  return { address: { host: at.host, port }, asked };
}

/** An answer to `query` with these records. */
export function answering(query: DecodedPacket, answers: Answer[], flags = 0, authorities: Answer[] = []): Buffer {
  const opt: Answer = { type: 'OPT', name: '.', udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] };
  return encode({ type: 'response', id: query.id ?? 0, flags: flags | 0x80, questions: query.questions ?? [], answers, authorities, additionals: [opt] });
}
