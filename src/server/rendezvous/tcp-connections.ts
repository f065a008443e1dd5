import type { Duplex } from 'node:stream';
import { PacketStream } from '../../platform/packet-stream.js';
import { tcpAddress, type Source } from './datagram.js';

/** A TCP connection that a node's certificate has opened. */
export interface NodeConnection {
  readonly nodeId: string;
  /** The other end. */
  readonly address: string;
  readonly port: number;
  /** Carries framed packets in both directions. */
  readonly stream: Duplex;
}

/** Whom packets are for, and who must know that a source is none any more. */
interface TcpEngine {
  receive(message: Buffer, source: Source): void;
  forget(source: Source): void;
}

interface Open {
  readonly source: Source;
  readonly packets: PacketStream;
}

/** The TCP connections of nodes that no UDP reaches. To the engine each is one more source. */
export class TcpConnections {
  readonly #engine: TcpEngine;
  readonly #bySource = new Map<string, Open>();
  readonly #byNode = new Map<string, Open>();
  /** Packets lost on connections that are over. */
  #lost = 0;

  constructor(engine: TcpEngine) {
    this.#engine = engine;
  }

  get count(): number {
    return this.#byNode.size;
  }

  /** Packets that were lost because a connection was slower than what came for it. */
  get dropped(): number {
    return [...this.#byNode.values()].reduce((sum, { packets }) => sum + packets.dropped, this.#lost);
  }

  /** Takes the packets of a connection. A node has one at a time: the one before ends. */
  add({ nodeId, address, port, stream }: NodeConnection): void {
    this.remove(nodeId);
    const source = { nodeId, address: tcpAddress(address), port };
    const packets = new PacketStream(stream, {
      onPacket: (packet) => this.#engine.receive(packet, source),
      onEnd: () => this.#forget(open),
    });
    const open = { source, packets };
    this.#bySource.set(keyOf(source.address, port), open);
    this.#byNode.set(nodeId, open);
  }

  /** Sends over the connection of that source, or loses the packet when it is over. */
  send(packet: Uint8Array, address: string, port: number): void {
    this.#bySource.get(keyOf(address, port))?.packets.send(packet);
  }

  /** Ends a node's connection, if it has one. */
  remove(nodeId: string): void {
    this.#byNode.get(nodeId)?.packets.close();
  }

  stop(): void {
    for (const { packets } of this.#byNode.values()) packets.close();
  }

  #forget({ source, packets }: Open): void {
    this.#lost += packets.dropped;
    this.#bySource.delete(keyOf(source.address, source.port));
    this.#byNode.delete(source.nodeId!);
    this.#engine.forget(source);
  }
}

function keyOf(address: string, port: number): string {
  return `${address} ${port}`;
}
