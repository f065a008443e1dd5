import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** One connection through a {@link TcpProxy}. */
interface Through {
  readonly inner: Socket;
  readonly outer: Socket;
}

/** Stands before one port of loopback and passes everything on, until it is told not to. What it carries it does not understand. */
export class TcpProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #open = new Set<Through>();
  #repliesPass = true;
  #lost = 0;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (inner) => this.#join(inner, targetPort));
  }

  /** Starts one before `targetPort`. */
  static async start(targetPort: number): Promise<TcpProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TcpProxy(server, targetPort);
  }

  /** Bytes of replies that were thrown away so far. */
  get lostBytes(): number {
    return this.#lost;
  }

  /**
   * From now on requests arrive and their replies do not.
   *
   * @returns Cuts the connections in the place of the replies, and lets the next ones through.
   */
  loseReplies(): () => void {
    this.#repliesPass = false;
    return () => {
      this.#repliesPass = true;
      this.cut();
    };
  }

  /**
   * From now on replies wait, as before a reader that is too slow: what is full backs up to who sends.
   *
   * @returns Lets them go on.
   */
  hold(): () => void {
    const held = [...this.#open];
    for (const { outer } of held) outer.pause();
    return () => held.forEach(({ outer }) => outer.resume());
  }

  /** Breaks every connection. */
  cut(): void {
    for (const { inner, outer } of this.#open) for (const socket of [inner, outer]) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  #join(inner: Socket, targetPort: number): void {
    const outer = connect(targetPort, '127.0.0.1');
    const through = { inner, outer };
    this.#open.add(through);
    inner.on('data', (bytes) => outer.write(bytes));
    outer.on('data', (bytes) => {
      if (this.#repliesPass) inner.write(bytes);
      else this.#lost += bytes.length;
    });
    for (const [socket, other] of [[inner, outer], [outer, inner]] as const) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#open.delete(through);
        other.destroy();
      });
    }
  }
}
