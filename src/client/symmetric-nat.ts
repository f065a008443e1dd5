import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { bindingRequest, mappedEndpoint } from '../platform/stun.js';

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
    const request = bindingRequest();
    const seen = await Promise.all([first, second].map((target) => ask(socket, request, target)));
    return seen.includes(undefined) ? undefined : seen[0] !== seen[1];
  } finally {
    socket.close();
  }
}

/**
 * Asks one endpoint what it sees.
 *
 * @param endpoint Answers STUN; an IP literal with port.
 * @returns The endpoint as which it sees this machine; undefined when it does not answer.
 */
export async function seenBy(endpoint: string): Promise<string | undefined> {
  const target = splitEndpoint(endpoint);
  const socket = createSocket(isIPv6(target.address) ? 'udp6' : 'udp4');
  try {
    return await ask(socket, bindingRequest(), target);
  } finally {
    socket.close();
  }
}

/**
 * Measures the way to an endpoint that answers STUN.
 *
 * @param endpoint An IP literal with port.
 * @returns To it and back, µs; undefined when it does not answer.
 */
export async function measureRtt(endpoint: string): Promise<number | undefined> {
  const sinceMs = performance.now();
  const seen = await seenBy(endpoint).catch(() => undefined);
  return seen === undefined ? undefined : (performance.now() - sinceMs) * 1000;
}

interface Target {
  readonly address: string;
  readonly port: number;
}

function splitEndpoint(endpoint: string): Target {
  const at = endpoint.lastIndexOf(':');
  return { address: endpoint.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(endpoint.slice(at + 1)) };
}

/** @returns The endpoint that `target` sees. */
function ask(socket: Socket, request: Buffer, { address, port }: Target): Promise<string | undefined> {
  return new Promise((resolve) => {
    let tries = 0;
    const send = () => (tries++ < TRIES ? socket.send(request, port, address, ignoreUnreachable) : finish(undefined));
    const timer = setInterval(send, RETRY_MS);
    const onMessage = (message: Buffer, from: { port: number }) => {
      const seen = from.port === port ? mappedEndpoint(request, message) : undefined;
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
