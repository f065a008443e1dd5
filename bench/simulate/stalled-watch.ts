import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { nodeTls } from '../../src/client/node-session.js';
import type { Membership } from '../../src/client/state/membership.js';
import { parseHostPort } from '../../src/domain/host-port.js';
import { WatchRequest, WatchResponse } from '../../src/gen/networkcontroller/v1/node.js';
import { encodeFrame, framesOf } from './grpc-frames.js';
import type { Position } from './member.js';

/** So little that the second change finds no room any more. @see RFC 9113 §6.9.2 */
const WINDOW_BYTES = 1_024;

/** An agent that asks for the map and does not read it until it is told to: until then its connection takes {@link WINDOW_BYTES} and no more. */
export class StalledWatch {
  readonly #endpoint: string;
  readonly #membership: Membership;
  readonly #position: Position;
  #session: ClientHttp2Session | undefined;
  #stream: ClientHttp2Stream | undefined;

  constructor(endpoint: string, membership: Membership, position: Position) {
    this.#endpoint = endpoint;
    this.#membership = membership;
    this.#position = position;
  }

  start(): void {
    const { ca, serverName, identity } = nodeTls(this.#membership);
    const { host, port } = parseHostPort(this.#endpoint);
    const socket = { host, port, ca, servername: serverName, cert: identity?.certificate, key: identity?.key, ALPNProtocols: ['h2'] };
    this.#session = connect(`https://${this.#endpoint}`, { createConnection: () => connectTls(socket), settings: { initialWindowSize: WINDOW_BYTES } });
    this.#session.on('error', () => {});
    const headers = { ':method': 'POST', ':path': '/networkcontroller.v1.NodeService/Watch', 'content-type': 'application/grpc', te: 'trailers' };
    this.#stream = this.#session.request(headers);
    this.#stream.on('error', () => {});
    // Without a reader nothing is read, and no window is opened again (RFC 9113 §5.2).
    const request = { epoch: this.#position.epoch, fromRevision: this.#position.revision, agentVersion: 'stalled' };
    this.#stream.end(encodeFrame(WatchRequest.encode(request).finish()));
  }

  /** Reads at last, from the first message on. */
  async *read(): AsyncGenerator<NonNullable<WatchResponse['message']>> {
    for await (const bytes of framesOf(this.#stream!)) {
      const { message } = WatchResponse.decode(bytes);
      if (message !== undefined) yield message;
    }
  }

  stop(): void {
    this.#session?.destroy();
  }
}
