import { timingSafeEqual, type X509Certificate } from 'node:crypto';
import { clusterOfServerName } from '../../domain/certificate.js';
import { DomainError } from '../../domain/errors.js';
import { listNames } from './alternative-names.js';
import { isCurrent } from './ca-bundle.js';
import { USAGE_OIDS } from './certificate.js';
import { spkiOf, spkiPin } from './p256.js';

/** What the certificates of a controller say to somebody who knows the pin of its CA. */
export interface PinnedCa {
  readonly clusterId: string;
  /** The gRPC CA that has the pin: all that later connections trust. */
  readonly caPem: string;
}

/** Certificates of a chain that are looked at. */
const MAX_CHAIN = 5;

/**
 * Finds the CA that has a pin in the chain that a server presents, provided that it really issued and signed the server's certificate:
 * a man in the middle can append the genuine CA to a chain of his own.
 *
 * @param leaf  The server's, with the chain above it.
 * @param pins  As in the join string.
 * @param nowMs UTC.
 * @throws DomainError `pin_mismatch`
 */
export function pinnedCa(leaf: X509Certificate, pins: readonly string[], nowMs: number): PinnedCa {
  const ca = chainAbove(leaf).find((certificate) => pins.some((pin) => hasPin(certificate, pin)));
  if (ca === undefined) return refuse('its certificates have none of the CA pins of the join string');
  const { publicKey } = ca;
  if (!ca.ca || !ca.verify(publicKey)) return refuse('the pinned key is not a CA');
  if (!leaf.checkIssued(ca) || !leaf.verify(publicKey)) return refuse('its certificate was not issued by the pinned CA');
  for (const certificate of [leaf, ca]) {
    if (!isCurrent(certificate, nowMs)) return refuse(`a certificate of it is valid from ${certificate.validFrom} to ${certificate.validTo} only; check both clocks`);
  }
  const [clusterId] = listNames(leaf.subjectAltName).dns.flatMap((name) => clusterOfServerName(name) ?? []);
  if (clusterId === undefined || leaf.keyUsage?.includes(USAGE_OIDS.serverAuth) !== true) return refuse('its certificate is not a controller\'s');
  return { clusterId, caPem: ca.toString() };
}

function refuse(reason: string): never {
  throw new DomainError('pin_mismatch', reason);
}

function chainAbove(leaf: X509Certificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let next = leaf.issuerCertificate; next !== undefined && chain.length < MAX_CHAIN; next = next.issuerCertificate) {
    chain.push(next);
  }
  return chain;
}

/** A key of another kind than a CA of ours has is not the one that the pin is of. */
function hasPin({ publicKey }: X509Certificate, pin: string): boolean {
  const spki = spkiOf(publicKey);
  if (spki === undefined) return false;
  const actual = Buffer.from(spkiPin(spki));
  const wanted = Buffer.from(pin);
  return actual.length === wanted.length && timingSafeEqual(actual, wanted);
}
