import { timingSafeEqual, type X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { clusterOfServerName } from '../domain/certificate.js';
import { DomainError } from '../domain/errors.js';
import { formatHostPort, type HostPort } from '../domain/host-port.js';
import { listNames } from './x509/alternative-names.js';
import { isCurrent } from './x509/ca-bundle.js';
import { spkiPin } from './x509/p256.js';

/** What the first contact with a controller establishes. */
export interface FirstContact {
  /** The endpoint that answered. */
  readonly endpoint: HostPort;
  readonly clusterId: string;
  /** The gRPC CA that has the pin: all that later connections trust. */
  readonly caPem: string;
}

/** How to make the first contact. */
export interface FirstContactOptions {
  /** Milliseconds for each endpoint. */
  readonly timeoutMs?: number;
  /** UTC ms. */
  readonly nowMs: number;
}

const TIMEOUT_MS = 5000;
/** Certificates of a chain that are looked at. */
const MAX_CHAIN = 5;

/**
 * Finds the controller's CA by its pin, before a word is said to the controller.
 *
 * Connects without trusting anybody, sends nothing, and takes from the presented chain the CA whose key has the pin, provided that it
 * really issued and signed the server's certificate: a man in the middle can append the genuine CA to a chain of his own.
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
  const leaf = await presentedBy(endpoint, timeoutMs);
  const refuse = (reason: string): never => {
    throw new DomainError('pin_mismatch', `${formatHostPort(endpoint)}: ${reason}; nothing was sent`);
  };
  const ca = chainAbove(leaf).find((certificate) => pins.some((pin) => hasPin(certificate, pin)));
  if (ca === undefined) return refuse('its certificates have none of the CA pins of the join string');
  if (!ca.ca || !ca.verify(ca.publicKey)) return refuse('the pinned key is not a CA');
  if (!leaf.checkIssued(ca) || !leaf.verify(ca.publicKey)) return refuse('its certificate was not issued by the pinned CA');
  if (!isCurrent(leaf, nowMs)) return refuse(`its certificate is valid from ${leaf.validFrom} to ${leaf.validTo} only; check both clocks`);
  const [clusterId] = listNames(leaf.subjectAltName).dns.flatMap((name) => clusterOfServerName(name) ?? []);
  if (clusterId === undefined) return refuse('its certificate is not a controller\'s');
  return { endpoint, clusterId, caPem: ca.toString() };
}

/** The certificate at `endpoint`; the connection is gone again when this resolves. */
function presentedBy(endpoint: HostPort, timeoutMs: number): Promise<X509Certificate> {
  const { host, port } = endpoint;
  return new Promise((resolve, reject) => {
    const fail = (reason: string, cause?: unknown): void => {
      socket.destroy();
      reject(new DomainError('unavailable', `${formatHostPort(endpoint)}: ${reason}`, { cause }));
    };
    const timer = setTimeout(() => fail(`no TLS handshake within ${timeoutMs} ms`), timeoutMs);
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const socket: TLSSocket = connect({ host, port, ...servername, rejectUnauthorized: false, minVersion: 'TLSv1.3', ALPNProtocols: ['h2'] }, () => {
      const leaf = socket.getPeerX509Certificate();
      if (leaf === undefined) fail('it shows no certificate');
      else resolve(leaf);
      socket.destroy();
    });
    socket.on('error', (error) => fail(error.message, error));
    socket.on('close', () => {
      clearTimeout(timer);
      fail('it closed the connection');
    });
  });
}

function chainAbove(leaf: X509Certificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let next = leaf.issuerCertificate; next !== undefined && chain.length < MAX_CHAIN; next = next.issuerCertificate) {
    chain.push(next);
  }
  return chain;
}

function hasPin(certificate: X509Certificate, pin: string): boolean {
  const actual = Buffer.from(spkiPin(certificate.publicKey.export({ type: 'spki', format: 'der' })));
  const wanted = Buffer.from(pin);
  return actual.length === wanted.length && timingSafeEqual(actual, wanted);
}
