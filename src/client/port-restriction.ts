import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { bindingRequest, mappedEndpoint } from '../platform/stun.js';

/** Requests, and the time between them in ms; UDP loses some. */
const TRIES = 4;
const RETRY_MS = 250;

/** How much later than the answer from the port that was asked the one from the other port may come, in ms. */
const GRACE_MS = 50;

/**
 * Finds out whether the NAT or firewall in front of this machine lets in only what comes from an address and port that was sent
 * to, by asking the controller for an answer from its other port. Through such a one a peer behind a symmetric NAT never gets.
 *
 * @param endpoint One that answers STUN, an IP literal.
 * @returns Undefined when it does not answer.
 * @see RFC 5780 §4.4
 */
export async function isNatPortRestricted(endpoint: string): Promise<boolean | undefined> {
  const { address, port } = splitEndpoint(endpoint);
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  socket.unref();
  const [direct, crosswise] = [bindingRequest(), bindingRequest({ otherPort: true })];
  let answered = false;
  let isOpen = false;
  socket.on('message', (message) => {
    answered ||= mappedEndpoint(direct, message) !== undefined;
    isOpen ||= mappedEndpoint(crosswise, message) !== undefined;
  });
  try {
    for (let tries = 0; tries < TRIES && !isOpen; tries++) {
      // In this order, so that with the second answer the first is here, or does not come.
      for (const request of [crosswise, direct]) socket.send(request, port, address, ignoreUnreachable);
      await until(() => answered, RETRY_MS);
      if (answered) await until(() => isOpen, GRACE_MS);
      if (answered) return !isOpen;
    }
    return isOpen ? false : undefined;
  } finally {
    socket.close();
  }
}

async function until(condition: () => boolean, limitMs: number): Promise<void> {
  for (const end = performance.now() + limitMs; !condition() && performance.now() < end; ) await sleep(5);
}

function splitEndpoint(endpoint: string): { readonly address: string; readonly port: number } {
  const at = endpoint.lastIndexOf(':');
  return { address: endpoint.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(endpoint.slice(at + 1)) };
}

/** A network that is unreachable now is one that does not answer. */
function ignoreUnreachable(): void {}
