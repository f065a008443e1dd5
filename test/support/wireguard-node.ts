import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { bindingRequest, isStun, mappedEndpoint } from '../../src/platform/stun.js';
import { Responder } from '../../src/platform/wireguard/protocol/responder.js';
import { Session, type SessionKeys } from '../../src/platform/wireguard/protocol/session.js';
import { MESSAGE_TYPE } from '../../src/platform/wireguard/protocol/wire.js';
import { keyPairOf, type KeyPair } from '../../src/platform/wireguard/protocol/x25519.js';
import { until } from './until.js';
import { beginHandshake, tai64n, type Begun } from './wireguard-initiator.js';

/**
 * A node that speaks WireGuard over a real UDP socket on loopback, in this process and without root. Answers
 * handshakes that others begin with it, and keeps everything that arrives.
 */
export class WireguardNode {
  readonly #secret: Buffer;
  readonly keys: KeyPair;
  /** Every datagram that arrived. */
  readonly arrived: Buffer[] = [];
  /** What was inside the transport messages that could be opened; keepalives are empty. */
  readonly packets: Buffer[] = [];
  bytesReceived = 0;
  /** The session made last, as initiator or responder. */
  session: Session | undefined;
  /** The two keys of {@link session}. */
  sessionKeys: { readonly receiveKey: Buffer; readonly sendKey: Buffer } | undefined;
  cookie: Buffer | undefined;
  /** Off for a test that looks at the cookie reply itself. */
  receivesCookies = true;
  readonly #sessions = new Map<number, Session>();
  readonly #begun = new Map<number, Begun>();
  readonly #settled: Buffer[] = [];
  #lastStampMs = 0;
  #socket: Socket;

  private constructor(
    secret: Buffer,
    socket: Socket,
    readonly relayHost: string,
    readonly relayPort: number,
  ) {
    this.#secret = secret;
    this.keys = keyPairOf(secret);
    this.#socket = socket;
    this.#listen();
  }

  /** @param secret X25519, 32 bytes; the whole identity of the node. */
  static async open(secret: Buffer, relayPort: number, relayHost = '127.0.0.1'): Promise<WireguardNode> {
    const node = new WireguardNode(secret, await openSocket(relayHost), relayHost, relayPort);
    onTestFinished(() => void node.#socket.close());
    return node;
  }

  get publicKey(): Buffer {
    return this.keys.publicKey;
  }

  /** `address:port` of its socket. */
  get endpoint(): string {
    const { address, port } = this.#socket.address();
    return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  }

  /** Leaves its port for another, as a NAT that forgets a mapping makes it look. */
  async move(port = 0): Promise<void> {
    this.#socket.close();
    this.#socket = await openSocket(this.relayHost, port);
    this.#listen();
  }

  /** An initiation to the owner of `publicKey`, not yet sent. Its timestamp is newer than the one before. */
  initiation(publicKey: Uint8Array, stampMs = Math.max(Date.now(), this.#lastStampMs + 1)): Buffer {
    this.#lastStampMs = stampMs;
    return this.begin(publicKey, randomInt(2 ** 32), stampMs).message;
  }

  /** Like {@link initiation} with an index of one's choice. */
  begin(publicKey: Uint8Array, localIndex: number, stampMs = Date.now()): Begun {
    const begun = beginHandshake(this.keys, Buffer.from(publicKey), { localIndex, timestamp: tai64n(stampMs), cookie: this.cookie });
    this.#begun.set(localIndex, begun);
    return begun;
  }

  /** Completes a handshake with the owner of `publicKey` and uses the session at once, as WireGuard does. */
  async connect(publicKey: Uint8Array): Promise<Session> {
    const before = this.session;
    this.transmit(this.initiation(publicKey));
    const session = await until(() => this.session !== before && this.session, 'a handshake');
    this.transmit(session.seal());
    return session;
  }

  /** Sends any bytes to the rendezvous. */
  transmit(datagram: Buffer): void {
    this.#socket.send(datagram, this.relayPort, this.relayHost);
  }

  /**
   * Waits until the rendezvous has dealt with everything sent before, by a STUN request that it answers in turn.
   *
   * @returns The endpoint that it sees.
   */
  async settle(): Promise<string> {
    const request = bindingRequest();
    this.transmit(request);
    // In a flood the answer can be lost like anything else.
    const again = setInterval(() => this.transmit(request), 500);
    return until(() => this.#settled.map((answer) => mappedEndpoint(request, answer)).find(Boolean), 'the rendezvous to settle').finally(() => clearInterval(again));
  }

  #listen(): void {
    this.#socket.on('message', (message) => this.#receive(message));
  }

  #receive(message: Buffer): void {
    this.bytesReceived += message.length;
    if (isStun(message)) return void this.#settled.push(message);
    this.arrived.push(message);
    const type = message.readUInt32LE(0);
    if (type === MESSAGE_TYPE.initiation) this.#answer(message);
    if (type === MESSAGE_TYPE.response) this.#finish(message);
    if (type === MESSAGE_TYPE.cookie && this.receivesCookies) this.cookie = this.#begun.get(message.readUInt32LE(4))?.cookieIn(message);
    if (type === MESSAGE_TYPE.transport) this.#open(message);
  }

  #answer(message: Buffer): void {
    const responder = new Responder(this.#secret);
    const initiation = responder.consume(message, (publicKey) => responder.peerKey(publicKey));
    if (typeof initiation === 'string') return;
    const localIndex = randomInt(2 ** 32);
    const answer = initiation.respond(localIndex);
    if (answer === undefined) return;
    this.#take({ ...answer, localIndex, remoteIndex: initiation.senderIndex });
    this.transmit(answer.response);
  }

  #finish(message: Buffer): void {
    const localIndex = message.readUInt32LE(8);
    const keys = this.#begun.get(localIndex)?.finish(message);
    if (keys !== undefined) this.#take({ ...keys, localIndex });
  }

  #open(message: Buffer): void {
    const packet = this.#sessions.get(message.readUInt32LE(4))?.open(message, Date.now());
    if (Buffer.isBuffer(packet)) this.packets.push(packet);
  }

  #take(keys: SessionKeys): void {
    const session = new Session(keys, Date.now());
    this.sessionKeys = keys;
    this.#sessions.set(session.localIndex, session);
    this.session = session;
  }
}

async function openSocket(relayHost: string, port = 0): Promise<Socket> {
  const socket = createSocket({ type: relayHost.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 });
  socket.bind(port, relayHost);
  await once(socket, 'listening');
  return socket;
}
