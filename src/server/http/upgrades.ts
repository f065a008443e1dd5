import { randomBytes } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Log } from '../../platform/log.js';
import { addressOf, shownCertificate, type PurposeOf, type ShownCertificate } from './peer.js';
import { HttpRefusal, problemHeaders, problemOf } from './problem.js';

/** A connection that asks to go on with another protocol. */
export interface Upgrade {
  /** IP address of the other end. */
  readonly address: string;
  /** What the client has shown; the handler looks at `ca`, and at what the certificate says. */
  readonly peerCertificate: ShownCertificate | undefined;
  readonly requestId: string;
  /** Answers 101; from then on the connection is the handler's. What the client sent right behind its request comes out of it first. */
  accept(): Duplex;
}

/** Takes an upgrade, by calling {@link Upgrade.accept}, or throws a DomainError before that; it becomes a problem document. */
export type UpgradeHandler = (upgrade: Upgrade) => void | Promise<void>;

/**
 * Hands connections over to the protocols that have been added.
 *
 * @see RFC 9110 §7.8; HTTP/1.1 only, since HTTP/2 has no upgrade (RFC 9113 §8.6)
 */
export class Upgrades {
  readonly #handlers = new Map<string, UpgradeHandler>();
  readonly #deps: { readonly log: Log; readonly purposeOf: PurposeOf };

  constructor(deps: { readonly log: Log; readonly purposeOf: PurposeOf }) {
    this.#deps = deps;
  }

  /** @param protocol As it stands in the header `Upgrade`, lower case. */
  add(protocol: string, handler: UpgradeHandler): void {
    this.#handlers.set(protocol, handler);
  }

  /** For the event `upgrade` of an HTTP/1.1 server. */
  readonly take = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const requestId = randomBytes(8).toString('hex');
    const line = { method: 'UPGRADE', path: request.headers.upgrade, address: addressOf(request.socket), requestId };
    // A broken connection is no event of its own: its `close` follows.
    socket.on('error', () => {});
    this.#dispatch(request, socket, head, requestId).then(
      () => this.#deps.log.info('http', { ...line, status: 101 }),
      (error: unknown) => {
        const problem = problemOf(error, requestId);
        this.#deps.log[problem.status === 500 ? 'error' : 'info']('http refused', { ...line, status: problem.status, error });
        refuse(socket, error, requestId);
      },
    );
  };

  async #dispatch(request: IncomingMessage, socket: Duplex, head: Buffer, requestId: string): Promise<void> {
    const protocol = request.headers.upgrade?.toLowerCase() ?? '';
    const handler = this.#handlers.get(protocol);
    if (handler === undefined) throw new HttpRefusal(400, `upgrade: want ${[...this.#handlers.keys()].join(' or ') || 'none'}, got ${JSON.stringify(protocol)}`);
    const peerCertificate = shownCertificate(request.socket, this.#deps.purposeOf);
    await handler({ address: addressOf(request.socket), peerCertificate, requestId, accept: () => accept(socket, protocol, head) });
  }
}

function accept(socket: Duplex, protocol: string, head: Buffer): Duplex {
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
  if (head.length > 0) socket.unshift(head);
  return socket;
}

/** After an `accept` nobody reads HTTP any more; the text then only precedes the end. */
function refuse(socket: Duplex, error: unknown, requestId: string): void {
  const problem = problemOf(error, requestId);
  const body = JSON.stringify(problem);
  const headers = { ...problemHeaders(error, problem), connection: 'close', 'content-length': String(Buffer.byteLength(body)) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\n${lines.join('')}\r\n${body}`);
}
