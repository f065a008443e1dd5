import type { Duplex } from 'node:stream';
import { DomainError } from '../domain/errors.js';
import { FrameReader, framed } from './packet-frames.js';

/** What `Upgrade` asks for when a connection shall carry WireGuard's packets from then on. @see RFC 9110 §7.8 */
export const RELAY_PROTOCOL = 'networkcontroller-relay';

/** Bytes that may wait in the socket before packets wait here instead, where the oldest can still be dropped. */
const SOCKET_BYTES = 64 * 1024;

/** Bytes that may wait here. More would only make every packet late: at 10 Mbit/s these are 0.2 s. */
const WAITING_BYTES = 256 * 1024;

/** Packets and the end of a {@link PacketStream}. */
export interface PacketHandlers {
  onPacket(packet: Buffer): void;
  /** The connection is over: closed by either side, broken, or the other end sent no packets but something else. Called once. */
  onEnd(): void;
}

/**
 * Packets over a connection, in place of UDP. It loses packets as UDP does rather than keep many: when the connection is
 * slower than its sender the oldest go, because WireGuard and TCP inside it have sent them anew by then.
 */
export class PacketStream {
  readonly #socket: Duplex;
  readonly #handlers: PacketHandlers;
  readonly #reader = new FrameReader();
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #corked = false;
  #ended = false;
  #dropped = 0;

  constructor(socket: Duplex, handlers: PacketHandlers) {
    this.#socket = socket;
    this.#handlers = handlers;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('drain', () => this.#drain());
    socket.on('error', () => this.close());
    socket.once('close', () => this.close());
    socket.once('end', () => this.close());
  }

  /** Packets that were lost here because the connection was too slow. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Sends a packet, or loses it. */
  send(packet: Uint8Array): void {
    if (this.#ended) return;
    if (this.#waiting.length === 0 && this.#socket.writableLength < SOCKET_BYTES) this.#write(packet);
    else this.#wait(packet);
  }

  /** Ends the connection at once. Idempotent. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting = [];
    this.#socket.destroy();
    this.#handlers.onEnd();
  }

  #take(chunk: Buffer): void {
    try {
      for (const packet of this.#reader.take(chunk)) if (!this.#ended) this.#handlers.onPacket(packet);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      // Where the next packet begins is unknown from here on.
      this.close();
    }
  }

  /** Packets of one turn go out in one TLS record. */
  #write(packet: Uint8Array): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      setImmediate(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    for (const part of framed(packet)) this.#socket.write(part);
  }

  #wait(packet: Uint8Array): void {
    this.#waiting.push(packet);
    this.#waitingBytes += packet.length;
    while (this.#waitingBytes > WAITING_BYTES) {
      this.#waitingBytes -= this.#waiting.shift()!.length;
      this.#dropped++;
    }
  }

  #drain(): void {
    let sent = 0;
    while (sent < this.#waiting.length && this.#socket.writableLength < SOCKET_BYTES) this.#write(this.#waiting[sent++]!);
    for (const packet of this.#waiting.splice(0, sent)) this.#waitingBytes -= packet.length;
  }
}
