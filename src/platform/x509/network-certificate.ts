import { createHash, type X509Certificate } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { parseCertificateUri, subjectOf } from '../../domain/certificate.js';
import { DomainError } from '../../domain/errors.js';
import { checkWireGuardPublicKey } from '../wireguard/keys.js';
import { canonicalIp, listNames } from './alternative-names.js';
import { isCurrent, readCertificate, type CaBundle } from './ca-bundle.js';
import { USAGE_OIDS } from './certificate.js';
import type { Crl } from './crl.js';

/** What the network CA states about a node: it may use these addresses of this network with this WireGuard key until then. */
export interface NetworkIdentity {
  /** Upper-case hex. */
  readonly serial: string;
  readonly nodeId: string;
  readonly network: string;
  /** X25519, 32 octets. */
  readonly wgPublicKey: Buffer;
  /** Overlay addresses in canonical text, without prefix length. */
  readonly addresses: readonly string[];
  /** Prefixes that are reached through the node, "192.168.7.0/24". */
  readonly routes: readonly string[];
  /** UTC ms. */
  readonly notAfterMs: number;
}

/** Against what a network certificate is judged. */
export interface NetworkTrust {
  /** The network CAs. Verdicts are remembered with this object, so keep it as long as the trust stays the same. */
  readonly bundle: CaBundle;
  readonly clusterId: string;
  /** UTC ms. */
  readonly nowMs: number;
  /** The newest revocation list, if there is one yet. */
  readonly crl?: Pick<Crl, 'serials'> | undefined;
}

/** What a network map claims about a peer. */
export interface PeerClaim {
  readonly nodeId: string;
  readonly network: string;
  readonly wgPublicKey: Uint8Array;
  /** Without prefix length, as they will become allowed IPs. */
  readonly addresses: readonly string[];
  /** Prefixes that are to be sent to it beside them. */
  readonly routes?: readonly string[];
}

interface Verdict {
  readonly identity: NetworkIdentity;
  readonly certificate: X509Certificate;
  readonly issuer: X509Certificate;
}

const CLIENT_AND_SERVER = [USAGE_OIDS.serverAuth, USAGE_OIDS.clientAuth];
const REMEMBERED = 20_000;
const verdicts = new WeakMap<CaBundle, LRUCache<string, Verdict>>();

/**
 * Verifies a peer's network certificate. Every node does so before it configures a peer, so that neither a forged map nor a
 * stolen database gives anybody a tunnel.
 *
 * Signature and names are checked once per certificate and bundle; time and revocation every time. Revocation goes
 * by serial, since whoever holds a certificate can give it another fingerprint (s → n − s in its signature).
 *
 * @param der The certificate.
 * @throws DomainError `certificate_invalid` with the reason.
 */
export function verifyNetworkCertificate(der: Uint8Array, trust: NetworkTrust): NetworkIdentity {
  const { identity, certificate, issuer } = judge(der, trust);
  if (!isCurrent(certificate, trust.nowMs)) refuse(`valid from ${certificate.validFrom} to ${certificate.validTo} only`);
  if (!isCurrent(issuer, trust.nowMs)) refuse(`its CA is valid from ${issuer.validFrom} to ${issuer.validTo} only`);
  if (trust.crl?.serials.has(identity.serial) === true) refuse(`serial ${identity.serial} is revoked`);
  return identity;
}

/**
 * Checks that a peer is as its certificate says: node id, network and WireGuard key equal, every address and every route certified.
 *
 * @throws DomainError `certificate_invalid` naming what differs.
 */
export function checkPeerClaim(identity: NetworkIdentity, claim: PeerClaim): void {
  if (claim.nodeId !== identity.nodeId) refuse(`it is node ${identity.nodeId}'s, not ${claim.nodeId}'s`);
  if (claim.network !== identity.network) refuse(`it is of network ${identity.network}, not of ${claim.network}`);
  if (!identity.wgPublicKey.equals(claim.wgPublicKey)) refuse(`it certifies another WireGuard key of node ${identity.nodeId}`);
  const uncertified = claim.addresses.filter((address) => !identity.addresses.includes(canonicalIp(address)));
  if (claim.addresses.length === 0 || uncertified.length > 0) {
    refuse(`it certifies ${identity.addresses.join(', ')}, not ${uncertified.join(', ') || 'nothing'}`);
  }
  const unapproved = claim.routes?.filter((route) => !identity.routes.includes(route)) ?? [];
  if (unapproved.length > 0) refuse(`it certifies no way to ${unapproved.join(', ')}`);
}

function judge(der: Uint8Array, { bundle, clusterId }: NetworkTrust): Verdict {
  const remembered = verdicts.get(bundle) ?? new LRUCache<string, Verdict>({ max: REMEMBERED });
  verdicts.set(bundle, remembered);
  // The octets and not the serial are the key: a forgery may carry any serial.
  const key = `${clusterId} ${createHash('sha256').update(der).digest('base64')}`;
  const known = remembered.get(key);
  if (known !== undefined) return known;
  const verdict = examine(readCertificate(der), bundle, clusterId);
  remembered.set(key, verdict);
  return verdict;
}

function examine(certificate: X509Certificate, bundle: CaBundle, clusterId: string): Verdict {
  const issuer = bundle.issuerOf(certificate);
  if (issuer === undefined) refuse('not issued by a trusted network CA');
  if (certificate.ca) refuse('a CA is no node');
  if (!CLIENT_AND_SERVER.every((usage) => certificate.keyUsage?.includes(usage))) refuse('not for both client and server');
  const { dns, uris, ips } = listNames(certificate.subjectAltName);
  const subject = subjectOf(uris, clusterId);
  if (subject.kind !== 'node') refuse(`want a node's, got one of kind ${subject.kind}`);
  const routes = routesOf(uris);
  if (dns.length > 0 || uris.length !== 3 + routes.length || ips.length === 0) refuse('want one node, one network, one WireGuard key, addresses and routes, nothing else');
  const identity = {
    serial: certificate.serialNumber,
    nodeId: subject.id,
    network: networkOf(uris),
    wgPublicKey: wireGuardKeyOf(uris),
    addresses: ips,
    routes,
    notAfterMs: Date.parse(certificate.validTo),
  };
  return { identity, certificate, issuer };
}

function networkOf(uris: readonly string[]): string {
  return uris.map(parseCertificateUri).find((uri) => uri?.kind === 'network')?.value ?? refuse('want the network that its addresses are of');
}

/** Compared as text with what a map claims, so a prefix that is written in another way certifies nothing. */
function routesOf(uris: readonly string[]): string[] {
  return uris.map(parseCertificateUri).flatMap((uri) => (uri?.kind === 'route' ? [uri.value.replace('-', '/')] : []));
}

/** The WireGuard key that the names of a certificate state. @throws DomainError `certificate_invalid` */
export function wireGuardKeyOf(uris: readonly string[]): Buffer {
  const text = uris.map(parseCertificateUri).find((uri) => uri?.kind === 'wg')?.value ?? '';
  const key = Buffer.from(text, 'base64url');
  if (key.length !== 32 || key.toString('base64url') !== text) refuse('want a WireGuard key of 43 characters of base64url');
  try {
    return checkWireGuardPublicKey(key);
  } catch (cause) {
    throw new DomainError('certificate_invalid', 'network certificate: want a canonical WireGuard key', { cause });
  }
}

function refuse(reason: string): never {
  throw new DomainError('certificate_invalid', `network certificate: ${reason}`);
}
