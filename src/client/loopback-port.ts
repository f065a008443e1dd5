import { createSocket, type Socket } from 'node:dgram';
import type { Duplex } from 'node:stream';
import { PacketStream } from '../platform/packet-stream.js';

const LOOPBACK = '127.0.0.1';

/** What each direction may queue in the kernel; WireGuard sends in bursts that its default of 200 KiB does not hold. */
const BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * A UDP port of this machine that WireGuard sends to instead of a relay, while its packets travel over a TCP connection.
 * Kernel and wireguard-go are served alike, because neither needs to know.
 */
export class LoopbackPort {
  readonly #socket: Socket;
  #listenPort = 0;
  #packets: PacketStream | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (packet, { address, port }) => this.#isWireGuard(address, port) && this.#packets?.send(packet));
    // One packet was not sent; WireGuard may have left its port, and says so itself to those who look after it.
    socket.on('error', () => {});
  }

  /** Opens a free port. */
  static async open(): Promise<LoopbackPort> {
    // Only ever given addresses; the default lookup would put every packet off to the next tick.
    const socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES, sendBufferSize: BUFFER_BYTES, lookup: (address, _options, callback) => callback(null, address, 4) });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: LOOPBACK, port: 0, exclusive: true }, resolve);
    });
    socket.unref();
    return new LoopbackPort(socket);
  }

  /** Where WireGuard is to send, `127.0.0.1:40123`. */
  get endpoint(): string {
    return `${LOOPBACK}:${this.#socket.address().port}`;
  }

  /**
   * Carries packets over `connection` from now on; the one before ends.
   *
   * @param listenPort The UDP port of this machine's WireGuard: only what comes from there is sent on, and only there goes
   *   what arrives, so that no other program of this machine can speak or listen.
   * @param onEnd The connection broke or the relay ended it.
   */
  carry(connection: Duplex, listenPort: number, onEnd: () => void): void {
    this.hangUp();
    this.#listenPort = listenPort;
    const packets = new PacketStream(connection, {
      onPacket: (packet) => this.#socket.send(packet, listenPort, LOOPBACK),
      onEnd: () => {
        if (this.#packets !== packets) return;
        this.#packets = undefined;
        onEnd();
      },
    });
    this.#packets = packets;
  }

  /** Ends the connection, if there is one; WireGuard's packets are lost from then on. */
  hangUp(): void {
    const packets = this.#packets;
    this.#packets = undefined;
    packets?.close();
  }

  close(): void {
    this.hangUp();
    this.#socket.close();
  }

  #isWireGuard(address: string, port: number): boolean {
    return address === LOOPBACK && port === this.#listenPort;
  }
}
