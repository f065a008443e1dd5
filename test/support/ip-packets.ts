import { addressBytes } from '../../src/platform/address-bytes.js';
import { internetChecksum, PROTOCOL, pseudoHeader, writeIpPacket } from '../../src/server/rendezvous/ip-packet.js';

/** A ping, of the IP version that the addresses have. */
export function aPing(source: string, destination: string, data = Buffer.from('ping!')): Buffer {
  const six = source.includes(':');
  const payload = Buffer.concat([Buffer.of(six ? 128 : 8, 0, 0, 0, 0x12, 0x34, 0, 7), data]);
  const packet = { source: addressBytes(source), destination: addressBytes(destination), protocol: six ? PROTOCOL.icmp6 : PROTOCOL.icmp, payload };
  payload.writeUInt16BE(six ? internetChecksum(pseudoHeader(packet), payload) : internetChecksum(payload), 2);
  return writeIpPacket(packet);
}

/** A UDP datagram in an IP packet. */
export function aDatagram(source: string, destination: string, data: Uint8Array, ports: { from: number; to: number } = { from: 40_000, to: 53 }): Buffer {
  const payload = Buffer.concat([Buffer.alloc(8), data]);
  payload.writeUInt16BE(ports.from, 0);
  payload.writeUInt16BE(ports.to, 2);
  payload.writeUInt16BE(payload.length, 4);
  return writeIpPacket({ source: addressBytes(source), destination: addressBytes(destination), protocol: PROTOCOL.udp, payload });
}

/** A copy with one byte changed. */
export function changed(packet: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(packet);
  copy.writeUInt8(value, at);
  return copy;
}
