import type { Socket } from 'node:dgram';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { formatEndpoint, isTcp, type Source } from './datagram.js';
import { Engine } from './engine.js';
import { DEFAULT_LIMITS, type RendezvousLimits } from './limits.js';
import type { FindPeer, Rendezvous, RendezvousEvents, RendezvousNetwork, RendezvousPeer, RendezvousStats } from './rendezvous.js';
import { Responder } from '../../platform/wireguard/protocol/responder.js';
import { TcpConnections, type NodeConnection } from './tcp-connections.js';
import { answerBinding, isStun, wantsOtherPort } from '../../platform/stun.js';
import { TokenBucket } from '../../platform/token-bucket.js';
import { closeUdpSocket, openUdpSocket, SOCKET_BUFFER_BYTES } from './udp-socket.js';

const SWEEP_EVERY_MS = 1000;

/** What a rendezvous is started with. */
export interface RendezvousOptions {
  /** X25519, 32 bytes. */
  readonly privateKey: Uint8Array;
  /** An address of this machine; `::` for all of both families. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** See {@link Rendezvous.probePort}; 0 for any free one. */
  readonly probePort: number;
  readonly clock: Clock;
  readonly events: RendezvousEvents;
  /** Asked about every key that comes and was never told of by {@link Rendezvous.setPeer}; without it nobody else is let in. */
  readonly findPeer?: FindPeer;
  readonly log: Log;
  readonly limits?: Partial<RendezvousLimits>;
}

/**
 * Opens the sockets and serves until stopped. Needs no privilege.
 *
 * @throws DomainError `port_taken`; `config_invalid` for a host that is not this machine's; `invalid_argument` for a
 *   key that is not 32 bytes.
 */
export async function startRendezvous(options: RendezvousOptions): Promise<Rendezvous> {
  const responder = new Responder(options.privateKey);
  const socket = await openUdpSocket(options.host, options.port);
  try {
    const probeSocket = await openUdpSocket(options.host, options.probePort);
    return new UdpRendezvous(responder, socket, probeSocket, options);
  } catch (error) {
    await closeUdpSocket(socket);
    throw error;
  }
}

class UdpRendezvous implements Rendezvous {
  readonly port: number;
  readonly probePort: number;
  readonly publicKey: Uint8Array;
  readonly #options: RendezvousOptions;
  readonly #engine: Engine;
  readonly #probes: TokenBucket;
  readonly #sockets: readonly Socket[];
  readonly #connections: TcpConnections;
  readonly #cancelSweep: () => void;
  #stopped: Promise<void> | undefined;

  constructor(responder: Responder, socket: Socket, probeSocket: Socket, options: RendezvousOptions) {
    const { clock, events, log, findPeer = () => undefined } = options;
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.port = socket.address().port;
    this.probePort = probeSocket.address().port;
    this.publicKey = responder.publicKey;
    this.#options = options;
    this.#sockets = [socket, probeSocket];
    this.#probes = new TokenBucket(limits.probesPerSecond, clock.now());
    const send = (datagram: Uint8Array, address: string, port: number): void => this.#send(socket, datagram, address, port);
    const engine = new Engine({ responder, send, events, findPeer, clock, log, limits });
    this.#engine = engine;
    this.#connections = new TcpConnections(engine);
    socket.on('message', (message, source) => (isStun(message) ? this.#probe(message, source, socket, probeSocket) : engine.receive(message, source)));
    probeSocket.on('message', (message, source) => this.#probe(message, source, probeSocket, socket));
    for (const each of this.#sockets) each.on('error', (error) => log.error('UDP socket failed', { error }));
    this.#cancelSweep = clock.every(SWEEP_EVERY_MS, () => engine.sweep());
    this.#tellStart(socket.getRecvBufferSize());
  }

  setPeer(peer: RendezvousPeer): void {
    this.#engine.membership.setPeer(peer, this.#options.clock.now());
  }

  knows(nodeId: string): boolean {
    return this.#engine.directory.byNodeId(nodeId) !== undefined;
  }

  removePeer(nodeId: string): void {
    this.#engine.membership.removePeer(nodeId);
    this.#connections.remove(nodeId);
  }

  setNetwork(network: RendezvousNetwork): void {
    this.#engine.membership.setNetwork(network);
  }

  endpointOf(nodeId: string): string | undefined {
    const peer = this.#engine.directory.byNodeId(nodeId);
    return peer?.isReachable === true && !isTcp(peer.address) ? formatEndpoint(peer) : undefined;
  }

  carry(connection: NodeConnection): void {
    if (this.#stopped === undefined) this.#connections.add(connection);
    else connection.stream.destroy();
  }

  lastHandshakeMs(nodeId: string): number {
    return this.#engine.directory.byNodeId(nodeId)?.lastHandshakeMs ?? 0;
  }

  stats(): RendezvousStats {
    return { ...this.#engine.stats(), tcpConnections: this.#connections.count, tcpDroppedPackets: this.#connections.dropped };
  }

  stop(): Promise<void> {
    this.#cancelSweep();
    this.#connections.stop();
    this.#stopped ??= Promise.all(this.#sockets.map(closeUdpSocket)).then(() => undefined);
    return this.#stopped;
  }

  #send(socket: Socket, datagram: Uint8Array, address: string, port: number): void {
    if (isTcp(address)) this.#connections.send(datagram, address, port);
    // An answer to a DNS query may come after the end.
    else if (this.#stopped === undefined) socket.send(datagram, port, address);
  }

  /** A request may ask for an answer from the other port, to find out whether a NAT lets that in. */
  #probe(message: Buffer, source: Source, asked: Socket, other: Socket): void {
    const answer = isStun(message) && this.#probes.take(1, this.#options.clock.now()) ? answerBinding(message, source) : undefined;
    if (answer === undefined) this.#engine.counters.drop('malformed');
    else this.#send(wantsOtherPort(message) ? other : asked, answer, source.address, source.port);
  }

  #tellStart(receiveBufferBytes: number): void {
    const { log } = this.#options;
    log.info('rendezvous started', { port: this.port, probePort: this.probePort, receiveBufferBytes });
    if (receiveBufferBytes >= SOCKET_BUFFER_BYTES) return;
    log.warn('UDP buffers are small, so relayed bursts will be lost: raise sysctl net.core.rmem_max and net.core.wmem_max', {
      receiveBufferBytes,
      wantedBytes: SOCKET_BUFFER_BYTES,
    });
  }
}
