import type { Socket } from 'node:net';
import type { Clock } from '../clock.js';
import type { DnsClient, QueryHandler } from './query-handler.js';

/** How long a client may take from one whole query to the next, and to read its answers. @see RFC 7766 §6.2.3 */
const IDLE_MS = 10_000;

/** A query with one question and its options never comes near this; the length field would allow 65,535. */
const MAX_QUERY_OCTETS = 4096;

/** Queries of one connection being answered at once; reading stops above. */
const MAX_IN_FLIGHT = 64;

/** One client on a stream: many queries, answered as the answers come, each with its length in front. @see RFC 7766 §6.2.1.1 */
export class StreamConnection {
  readonly #socket: Socket;
  readonly #client: DnsClient;
  readonly #handle: QueryHandler;
  readonly #clock: Clock;
  #received: Buffer = Buffer.alloc(0);
  #inFlight = 0;
  #reading = false;
  #ended = false;
  #cancelDeadline = (): void => {};

  constructor(socket: Socket, client: DnsClient, handle: QueryHandler, clock: Clock) {
    this.#socket = socket;
    this.#client = client;
    this.#handle = handle;
    this.#clock = clock;
  }

  start(): void {
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.once('close', () => this.#cancelDeadline());
    this.#socket.on('drain', () => this.#read());
    this.#socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#read();
    });
    this.#socket.on('end', () => {
      this.#ended = true;
      this.#read();
    });
    this.#renewDeadline();
  }

  /** Only a whole query moves the deadline: octets that trickle in do not. */
  #renewDeadline(): void {
    this.#cancelDeadline();
    this.#cancelDeadline = this.#clock.after(IDLE_MS, () => this.#socket.destroy());
  }

  get #full(): boolean {
    return this.#inFlight >= MAX_IN_FLIGHT || this.#socket.writableNeedDrain;
  }

  /** Answers what has come in, as far as answers are taken off; the rest stays with the kernel, and so with the client. */
  #read(): void {
    // An answer that is there at once comes back here from within the loop.
    if (this.#reading) return;
    this.#reading = true;
    for (let query = this.#next(); query !== undefined; query = this.#next()) this.#answer(query);
    this.#reading = false;
    if (this.#full) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
    if (this.#ended && this.#inFlight === 0) this.#socket.end();
  }

  #next(): Buffer | undefined {
    if (this.#full || this.#socket.destroyed || this.#received.length < 2) return undefined;
    const length = this.#received.readUInt16BE(0);
    if (length > MAX_QUERY_OCTETS) this.#socket.destroy();
    if (length > MAX_QUERY_OCTETS || this.#received.length < 2 + length) return undefined;
    const query = this.#received.subarray(2, 2 + length);
    this.#received = this.#received.subarray(2 + length);
    return query;
  }

  #answer(query: Buffer): void {
    this.#renewDeadline();
    this.#inFlight++;
    this.#handle(query, this.#client, (answer) => {
      this.#inFlight--;
      if (this.#socket.destroyed) return;
      if (answer === undefined) return void this.#socket.destroy();
      this.#socket.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 0xff]), answer]));
      this.#read();
    });
  }
}
