import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { formatAddressBytes } from '../../platform/address-bytes.js';
import type { Clock } from '../../platform/clock.js';
import { TokenBucket } from '../../platform/token-bucket.js';
import { formatWireGuardKey, generateWireGuardKeys } from '../../platform/wireguard/keys.js';
import { Responder, type PeerKey } from '../../platform/wireguard/protocol/responder.js';
import { Session } from '../../platform/wireguard/protocol/session.js';
import { MESSAGE_LENGTH, MESSAGE_TYPE, RECEIVER_OFFSET } from '../../platform/wireguard/protocol/wire.js';

const LOOPBACK = '127.0.0.1';

/** The session in use and the one before. */
const SESSIONS = 2;

/** Packets looked at in a second: a program that goes through all addresses must not keep the agent busy. */
const PACKETS_PER_SECOND = 200;

/** What a {@link Waker} needs to know. */
export interface WakerDeps {
  /** Of this machine's interface, 32 bytes: nobody else is listened to. */
  readonly publicKey: Uint8Array;
  readonly clock: Clock;
  /** A packet was sent to this overlay address, which no peer is configured for. */
  onWanted(address: string): void;
}

/**
 * A WireGuard peer of this machine's own, on loopback, that is given the addresses of everybody who is not configured: what it is sent tells who is
 * wanted. WireGuard itself drops such packets and tells nobody; nothing leaves the machine, and each packet is read for its destination alone and lost.
 */
export class Waker {
  /** Base64. */
  readonly publicKey: string;
  readonly #deps: WakerDeps;
  readonly #socket: Socket;
  readonly #responder: Responder;
  readonly #own: PeerKey;
  readonly #packets: TokenBucket;
  #sessions: Session[] = [];

  private constructor(socket: Socket, deps: WakerDeps) {
    const keys = generateWireGuardKeys();
    this.#deps = deps;
    this.#socket = socket;
    this.#responder = new Responder(keys.privateKey);
    this.#own = this.#responder.peerKey(deps.publicKey);
    this.#packets = new TokenBucket(PACKETS_PER_SECOND, deps.clock.now());
    this.publicKey = formatWireGuardKey(keys.publicKey);
    socket.on('message', (message, { port }) => this.#receive(message, port));
    // An answer that could not be sent: WireGuard asks again.
    socket.on('error', () => {});
  }

  /** Opens a free port. */
  static async open(deps: WakerDeps): Promise<Waker> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: LOOPBACK, port: 0, exclusive: true }, resolve);
    });
    socket.unref();
    return new Waker(socket, deps);
  }

  /** Where WireGuard is to send, `127.0.0.1:40123`. */
  get endpoint(): string {
    return `${LOOPBACK}:${this.#socket.address().port}`;
  }

  close(): void {
    this.#socket.close();
  }

  #receive(message: Buffer, port: number): void {
    if (message.length < MESSAGE_LENGTH.transportLeast) return;
    const type = message.readUInt32LE(0);
    if (type === MESSAGE_TYPE.transport) this.#transport(message);
    if (type === MESSAGE_TYPE.initiation && message.length === MESSAGE_LENGTH.initiation && this.#responder.isAddressed(message)) this.#answer(message, port);
  }

  /** @see WireGuard whitepaper §5.4.2, §5.4.3 */
  #answer(message: Buffer, port: number): void {
    const initiation = this.#responder.consume(message, (publicKey) => (publicKey.equals(this.#deps.publicKey) ? this.#own : undefined));
    if (typeof initiation === 'string') return;
    const localIndex = randomInt(2 ** 32);
    const answer = initiation.respond(localIndex);
    if (answer === undefined) return;
    const { response, receiveKey, sendKey } = answer;
    const session = new Session({ localIndex, remoteIndex: initiation.senderIndex, receiveKey, sendKey }, this.#deps.clock.now());
    this.#sessions = [session, ...this.#sessions].slice(0, SESSIONS);
    this.#socket.send(response, port, LOOPBACK);
  }

  #transport(message: Buffer): void {
    const index = message.readUInt32LE(RECEIVER_OFFSET);
    const session = this.#sessions.find(({ localIndex }) => localIndex === index);
    const nowMs = this.#deps.clock.now();
    if (session === undefined || !this.#packets.take(1, nowMs)) return;
    const packet = session.open(message, nowMs);
    const address = typeof packet === 'string' ? undefined : destinationOf(packet);
    if (address !== undefined) this.#deps.onWanted(address);
  }
}

/** Where an IP packet is to go; undefined for what is none. @see RFC 791 §3.1, RFC 8200 §3 */
function destinationOf(packet: Buffer): string | undefined {
  const version = packet.length === 0 ? 0 : packet.readUInt8(0) >> 4;
  if (version === 4 && packet.length >= 20) return formatAddressBytes(packet.subarray(16, 20));
  return version === 6 && packet.length >= 40 ? formatAddressBytes(packet.subarray(24, 40)) : undefined;
}
