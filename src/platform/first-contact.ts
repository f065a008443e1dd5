import type { TLSSocket } from 'node:tls';
import { DomainError } from '../domain/errors.js';
import { formatHostPort, type HostPort } from '../domain/host-port.js';
import { BootstrapServiceClient, type BeginRegisterResponse } from '../gen/networkcontroller/v1/bootstrap.js';
import { callUnary, connectUnverified } from './rpc-client.js';
import { pinnedCa, type PinnedCa } from './x509/pinned-ca.js';

/** What the first contact with a controller establishes. */
export interface FirstContact extends PinnedCa {
  /** The endpoint that answered. */
  readonly endpoint: HostPort;
  /** Speaks over the very connection whose chain was checked; any other that it makes is checked the same way. Close it when done. */
  readonly client: BootstrapServiceClient;
  /** What the controller offered at the first word. */
  readonly offer: BeginRegisterResponse;
}

/** How to make the first contact. */
export interface FirstContactOptions {
  /** Milliseconds for the handshake with each endpoint. */
  readonly timeoutMs?: number;
  /** UTC ms. */
  readonly nowMs: number;
}

const TIMEOUT_MS = 5000;

/**
 * Finds the controller's CA by its pin, before a word is said to the controller, and begins a registration over the same connection.
 *
 * The handshake trusts nobody. Only when the CA whose key has the pin was found in the presented chain, and has signed the server's
 * certificate, is anything sent.
 *
 * @param endpoints Tried in order; the first that fits is taken.
 * @param pins      As in the join string.
 * @throws DomainError `pin_mismatch` when an endpoint answered with another CA and none fitted; `unavailable` when none
 *   answered.
 */
export async function makeFirstContact(endpoints: readonly HostPort[], pins: readonly string[], options: FirstContactOptions): Promise<FirstContact> {
  const failures: DomainError[] = [];
  for (const endpoint of endpoints) {
    try {
      return await contact(endpoint, pins, options);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      failures.push(error);
    }
  }
  const code = failures.some((failure) => failure.code === 'pin_mismatch') ? 'pin_mismatch' : 'unavailable';
  throw new DomainError(code, failures.map((failure) => failure.message).join('; ') || 'no endpoint to connect to');
}

async function contact(endpoint: HostPort, pins: readonly string[], { timeoutMs = TIMEOUT_MS, nowMs }: FirstContactOptions): Promise<FirstContact> {
  let found: PinnedCa | undefined;
  let failure: unknown;
  const client = connectUnverified(BootstrapServiceClient, formatHostPort(endpoint), {
    check: (socket) => (found = pinnedCa(leafOf(socket), pins, nowMs)),
    onFailed: (error) => (failure ??= error),
    timeoutMs,
  });
  try {
    const offer = await callUnary(client, 'beginRegister', {});
    if (found === undefined) throw new Error('an answer came over a connection that was not checked');
    return { ...found, endpoint, client, offer };
  } catch (error) {
    client.close();
    throw refusalBy(endpoint, failure ?? error);
  }
}

function leafOf(socket: TLSSocket): NonNullable<ReturnType<TLSSocket['getPeerX509Certificate']>> {
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) throw new DomainError('unavailable', 'it shows no certificate');
  return leaf;
}

function refusalBy(endpoint: HostPort, cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause;
  const isMismatch = cause instanceof DomainError && cause.code === 'pin_mismatch';
  const sentence = `${formatHostPort(endpoint)}: ${cause.message}${isMismatch ? '; nothing was sent' : ''}`;
  return new DomainError(isMismatch ? 'pin_mismatch' : 'unavailable', sentence, { cause });
}
