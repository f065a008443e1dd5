import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';

const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const MAGIC_COOKIE = 0x2112a442;
const XOR_MAPPED_ADDRESS = 0x0020;
const PADDING = 0x0026;
const HEADER_BYTES = 20;
const PADDING_BYTES = 24;

/** Requests to each endpoint, and the time between them in ms; UDP loses some. */
const TRIES = 4;
const RETRY_MS = 250;

/**
 * Finds out whether the NAT in front of this machine gives each destination a port of its own, by asking two ports of the
 * controller from one socket what they see. Behind such a NAT the port that one destination sees is of no use to another.
 *
 * @param endpoints Two endpoints that answer STUN, IP literals.
 * @returns Undefined when they do not both answer.
 * @see RFC 5780 §4.3, RFC 8489 §5
 */
export async function isNatSymmetric(endpoints: readonly [string, string]): Promise<boolean | undefined> {
  const [first, second] = endpoints.map(splitEndpoint) as [Target, Target];
  const socket = createSocket(isIPv6(first.address) ? 'udp6' : 'udp4');
  socket.unref();
  try {
    // One transaction id for both: equal addresses are masked to equal bytes then.
    const request = bindingRequest();
    const seen = await Promise.all([first, second].map((target) => ask(socket, request, target)));
    return seen.includes(undefined) ? undefined : seen[0] !== seen[1];
  } finally {
    socket.close();
  }
}

interface Target {
  readonly address: string;
  readonly port: number;
}

function splitEndpoint(endpoint: string): Target {
  const at = endpoint.lastIndexOf(':');
  return { address: endpoint.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(endpoint.slice(at + 1)) };
}

/** Padded, because the controller answers no request that is shorter than its answer. */
function bindingRequest(): Buffer {
  const request = Buffer.alloc(HEADER_BYTES + 4 + PADDING_BYTES);
  request.writeUInt16BE(BINDING_REQUEST, 0);
  request.writeUInt16BE(4 + PADDING_BYTES, 2);
  request.writeUInt32BE(MAGIC_COOKIE, 4);
  randomBytes(12).copy(request, 8);
  request.writeUInt16BE(PADDING, HEADER_BYTES);
  request.writeUInt16BE(PADDING_BYTES, HEADER_BYTES + 2);
  return request;
}

/** @returns The masked address that `target` sees, in hex. */
function ask(socket: Socket, request: Buffer, { address, port }: Target): Promise<string | undefined> {
  return new Promise((resolve) => {
    let tries = 0;
    const send = () => (tries++ < TRIES ? socket.send(request, port, address, ignoreUnreachable) : finish(undefined));
    const timer = setInterval(send, RETRY_MS);
    const onMessage = (message: Buffer, from: { port: number }) => {
      const seen = from.port === port ? mappedAddress(message, request) : undefined;
      if (seen !== undefined) finish(seen);
    };
    const finish = (seen: string | undefined) => {
      clearInterval(timer);
      socket.off('message', onMessage);
      resolve(seen);
    };
    socket.on('message', onMessage);
    send();
  });
}

/** A network that is unreachable now is one that does not answer. */
function ignoreUnreachable(): void {}

function mappedAddress(message: Buffer, request: Buffer): string | undefined {
  const isAnswer = message.length >= HEADER_BYTES && message.readUInt16BE(0) === BINDING_SUCCESS && message.subarray(4, HEADER_BYTES).equals(request.subarray(4, HEADER_BYTES));
  for (let at = HEADER_BYTES; isAnswer && at + 4 <= message.length; at += 4 + message.readUInt16BE(at + 2)) {
    const end = at + 4 + message.readUInt16BE(at + 2);
    if (message.readUInt16BE(at) === XOR_MAPPED_ADDRESS) return message.toString('hex', at + 4, end);
  }
  return undefined;
}
