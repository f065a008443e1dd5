import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { TrustBundle } from '../../gen/networkcontroller/v1/types.js';
import { BACKDATE_MS, DEFAULT_LIFETIMES, networkUri, routeUri, serverName, subjectUri, wireGuardUri, type Lifetimes } from '../../domain/certificate.js';
import { DomainError } from '../../domain/errors.js';
import { hkdf } from '../../platform/hkdf.js';
import { makePrivateDir } from '../../platform/pem-files.js';
import { issueLeafCertificate, type AlternativeNames, type ExtendedUsage, type IssuedCertificate } from '../../platform/x509/certificate.js';
import { makeCrl, type CrlRequest } from '../../platform/x509/crl.js';
import { generateP256, privateKeyPem, spkiPin } from '../../platform/x509/p256.js';
import { toPem } from '../../platform/x509/pem.js';
import { signTrustBundle } from '../../platform/x509/trust-bundle.js';
import { createAuthority, loadAuthorities, type CaPurpose, type CertificateAuthority } from './ca.js';

/** A server's certificate with its key, for TLS. */
export interface ServerCertificate {
  /** The leaf and the CA, so that a joining node finds the CA whose pin it has. */
  readonly chainPem: string;
  /** PKCS #8; made anew with each certificate and kept in memory only. */
  readonly privateKeyPem: string;
  readonly serial: string;
  /** UTC ms. */
  readonly notBeforeMs: number;
  /** UTC ms. */
  readonly notAfterMs: number;
}

/** What a node's network certificate says; all of it decided by the server except the keys, which the node has proved. */
export interface NetworkCertificateRequest {
  readonly nodeId: string;
  readonly network: string;
  /** SubjectPublicKeyInfo from the request, DER. */
  readonly networkSpki: Uint8Array;
  /** X25519, 32 octets. */
  readonly wgPublicKey: Uint8Array;
  /** Overlay addresses without prefix length. */
  readonly addresses: readonly string[];
  /** Prefixes that are reached through the node, "192.168.7.0/24". */
  readonly routes: readonly string[];
  /** UTC ms. */
  readonly nowMs: number;
}

/** What both certificates of a node say. */
export interface NodeCertificateRequest extends NetworkCertificateRequest {
  /** SubjectPublicKeyInfo from the request, DER. */
  readonly grpcSpki: Uint8Array;
}

/** What a relay's certificates say. */
export interface RelayCertificateRequest {
  readonly name: string;
  /** SubjectPublicKeyInfo from the request, DER. */
  readonly grpcSpki: Uint8Array;
  /** SubjectPublicKeyInfo from the request, DER. */
  readonly networkSpki: Uint8Array;
  /** X25519, 32 octets. */
  readonly wgPublicKey: Uint8Array;
  /** UTC ms. */
  readonly nowMs: number;
}

/** The two certificates of a node, or of a relay. */
export interface NodeCertificates {
  readonly grpc: SignedCertificate;
  readonly network: SignedCertificate;
}

/** Where the CAs are, whose they are and how long what they sign lives. */
export interface PkiOptions {
  /** The folder of the keys, `<work dir>/pki`. */
  readonly dir: string;
  readonly clusterId: string;
  readonly lifetimes?: Lifetimes;
}

/** Which generations of a CA are believed, and which of them signs. */
export interface CaStanding {
  readonly active: number;
  /** Ascending. */
  readonly trusted: readonly number[];
}

/** The standing of both CAs. */
export type PkiStanding = Readonly<Record<CaPurpose, CaStanding>>;

/** A certificate with the generation of the CA that signed it. */
export interface SignedCertificate extends IssuedCertificate {
  readonly caGeneration: number;
}

/** An admin's certificate may not live longer. */
const MAX_ADMIN_MS = 30 * 86_400_000;
/** After its nextUpdate a revocation list makes OpenSSL refuse everybody, so it outlives any outage one sleeps through. */
const CRL_MS = 72 * 3_600_000;

/**
 * Makes both CAs, or what is missing of them after a crash.
 *
 * @throws DomainError `already_initialised` when both exist; `key_file_unsafe`.
 */
export async function createPki(options: PkiOptions & { readonly nowMs: number }): Promise<Pki> {
  await makePrivateDir(options.dir);
  const validity = { nowMs: options.nowMs, lifetimeMs: (options.lifetimes ?? DEFAULT_LIFETIMES).caMs };
  const missing: unknown[] = [];
  for (const purpose of ['grpc', 'network'] as const) {
    try {
      await createAuthority(options.dir, purpose, 1, validity);
    } catch (error) {
      if (!(error instanceof DomainError && error.code === 'already_initialised')) throw error;
      missing.push(error);
    }
  }
  if (missing.length === 2) throw missing[0];
  return openPki(options);
}

/**
 * Opens the CAs that {@link createPki} made.
 *
 * @throws DomainError `not_initialised`, `key_file_unsafe`, `state_invalid`.
 */
export async function openPki(options: PkiOptions): Promise<Pki> {
  const [grpc, network] = await Promise.all([loadAuthorities(options.dir, 'grpc'), loadAuthorities(options.dir, 'network')]);
  return new Pki(options, { grpc, network });
}

/**
 * Signs everything that this cluster certifies. Synchronous: a signature takes a tenth of a millisecond.
 *
 * A generation whose files are there is neither believed nor does it sign until {@link Pki.follow} says so; before, the first does.
 */
export class Pki {
  readonly clusterId: string;
  readonly #dir: string;
  readonly #authorities: Record<CaPurpose, readonly CertificateAuthority[]>;
  readonly #lifetimes: Lifetimes;
  #standing: PkiStanding;

  constructor({ dir, clusterId, lifetimes = DEFAULT_LIFETIMES }: PkiOptions, authorities: Readonly<Record<CaPurpose, readonly CertificateAuthority[]>>) {
    this.clusterId = clusterId;
    this.#dir = dir;
    this.#authorities = { ...authorities };
    this.#lifetimes = lifetimes;
    const first = (cas: readonly CertificateAuthority[]): CaStanding => ({ active: cas[0]!.generation, trusted: [cas[0]!.generation] });
    this.#standing = { grpc: first(authorities.grpc), network: first(authorities.network) };
  }

  /** The standing in force. */
  get standing(): PkiStanding {
    return this.#standing;
  }

  /**
   * Believes and signs with other generations from now on.
   *
   * @throws DomainError `state_invalid` when one of them is not in the folder; the standing stays as it was.
   */
  follow(standing: PkiStanding): void {
    for (const purpose of ['grpc', 'network'] as const) {
      for (const generation of [standing[purpose].active, ...standing[purpose].trusted]) this.authority(purpose, generation);
    }
    this.#standing = standing;
  }

  /**
   * Makes a generation's key and certificate, or finds those that a crash has left. It is not believed yet.
   *
   * @throws DomainError `key_file_unsafe`, `state_invalid`.
   */
  async make(purpose: CaPurpose, generation: number, nowMs: number): Promise<CertificateAuthority> {
    const made = await createAuthority(this.#dir, purpose, generation, { nowMs, lifetimeMs: this.#lifetimes.caMs }).catch((error: unknown) => {
      if (error instanceof DomainError && error.code === 'already_initialised') return undefined;
      throw error;
    });
    this.#authorities[purpose] = made === undefined ? await loadAuthorities(this.#dir, purpose) : [...this.#authorities[purpose], made];
    return this.authority(purpose, generation);
  }

  /** @throws DomainError `state_invalid` when its files are not in the folder. */
  authority(purpose: CaPurpose, generation: number): CertificateAuthority {
    const found = this.#authorities[purpose].find((ca) => ca.generation === generation);
    if (found !== undefined) return found;
    throw new DomainError('state_invalid', `${this.#dir}: want generation ${generation} of the ${purpose} CA, which the store names; restore its files from a backup`);
  }

  /** The pins of the gRPC CAs for a join string: of the one that signs, then of those that are to sign later. */
  get pins(): readonly string[] {
    const { active, trusted } = this.#standing.grpc;
    return trusted.filter((generation) => generation >= active).map((generation) => spkiPin(this.authority('grpc', generation).issuer.key.spki));
  }

  /** The newest gRPC generation among {@link pins}. */
  get pinnedGeneration(): number {
    return this.#standing.grpc.trusted.at(-1) ?? this.#standing.grpc.active;
  }

  /** The trusted CAs of one purpose as PEM, for TLS. */
  caPem(purpose: CaPurpose): string {
    return this.#trusted(purpose, this.#standing).map((ca) => ca.certificate.toString()).join('');
  }

  /** The CA that signed `certificate`, of those that are trusted now; undefined when it is none of ours. Says nothing about its time. */
  purposeOf(certificate: X509Certificate): CaPurpose | undefined {
    const purposes = ['grpc', 'network'] as const;
    return purposes.find((purpose) => this.#trusted(purpose, this.#standing).some((ca) => certificate.checkIssued(ca.certificate) && certificate.verify(ca.certificate.publicKey)));
  }

  /** What nodes shall trust under a standing, signed by the gRPC CA that signs under it: the version before must have it too. */
  trustBundle(version: number, standing: PkiStanding = this.#standing): TrustBundle {
    const certificates = (purpose: CaPurpose) => ({ certificates: this.#trusted(purpose, standing).map((ca) => ca.certificate.raw) });
    const signer = this.authority('grpc', standing.grpc.active);
    return signTrustBundle({ version, grpc: certificates('grpc'), network: certificates('network') }, signer.issuer.key);
  }

  /**
   * Issues a certificate for a listener of this server.
   *
   * @param hosts DNS names and addresses at which it is reached, for clients that check them; ours expect {@link serverName}.
   */
  issueServerCertificate({ hosts, nowMs }: { readonly hosts: readonly string[]; readonly nowMs: number }): ServerCertificate {
    const key = generateP256();
    const names = { dns: [serverName(this.clusterId), ...hosts.filter((host) => isIP(host) === 0)], ips: hosts.filter((host) => isIP(host) !== 0) };
    const leaf = this.#issue('grpc', 'nc-server', key.spki, names, ['serverAuth'], nowMs, this.#lifetimes.serverMs);
    return {
      chainPem: toPem(leaf.der) + this.#signer('grpc').certificate.toString(),
      privateKeyPem: privateKeyPem(key),
      serial: leaf.serial,
      notBeforeMs: nowMs - BACKDATE_MS,
      notAfterMs: leaf.notAfterMs,
    };
  }

  /**
   * Issues a node's gRPC certificate (it may call) and network certificate (it may use these addresses of its network with this WireGuard key).
   *
   * @throws DomainError `invalid_argument` for names, keys or addresses that cannot stand in a certificate.
   */
  issueNodeCertificates(request: NodeCertificateRequest): NodeCertificates {
    const { nodeId, nowMs } = request;
    const uri = subjectUri(this.clusterId, { kind: 'node', id: nodeId });
    return {
      grpc: this.#issue('grpc', nodeId, request.grpcSpki, { uris: [uri] }, ['clientAuth'], nowMs, this.#lifetimes.nodeGrpcMs),
      network: this.issueNetworkCertificate(request),
    };
  }

  /**
   * Issues what a node's peers believe: it may use these addresses of its network with this WireGuard key, and these prefixes are behind it.
   *
   * @throws DomainError `invalid_argument` for names, keys, addresses or prefixes that cannot stand in a certificate.
   */
  issueNetworkCertificate({ nodeId, network, networkSpki, wgPublicKey, addresses, routes, nowMs }: NetworkCertificateRequest): SignedCertificate {
    const uris = [
      subjectUri(this.clusterId, { kind: 'node', id: nodeId }),
      networkUri(this.clusterId, network),
      wireGuardUri(this.clusterId, Buffer.from(wgPublicKey).toString('base64url')),
      ...routes.map((route) => routeUri(this.clusterId, route)),
    ];
    return this.#issue('network', nodeId, networkSpki, { uris, ips: addresses }, ['serverAuth', 'clientAuth'], nowMs, this.#lifetimes.nodeNetworkMs);
  }

  /**
   * Issues an admin's certificate. The role stands in the store, under the serial.
   *
   * @param lifetimeMs At most 30 days.
   * @throws DomainError `invalid_argument`
   */
  issueAdminCertificate(request: { readonly name: string; readonly spki: Uint8Array; readonly nowMs: number; readonly lifetimeMs?: number }): SignedCertificate {
    const { name, spki, nowMs, lifetimeMs = this.#lifetimes.adminMs } = request;
    if (!(lifetimeMs > 0 && lifetimeMs <= MAX_ADMIN_MS)) throw new DomainError('invalid_argument', 'admin certificate: want a lifetime of at most 30 days');
    const uri = subjectUri(this.clusterId, { kind: 'admin', id: name });
    return this.#issue('grpc', name, spki, { uris: [uri] }, ['clientAuth'], nowMs, lifetimeMs);
  }

  /**
   * Issues a relay's gRPC certificate (it may call) and network certificate (agents may take this WireGuard key for that relay).
   *
   * @throws DomainError `invalid_argument`
   */
  issueRelayCertificates(request: RelayCertificateRequest): NodeCertificates {
    const { name, nowMs } = request;
    const { relayMs } = this.#lifetimes;
    const uri = subjectUri(this.clusterId, { kind: 'relay', id: name });
    const wgUri = wireGuardUri(this.clusterId, Buffer.from(request.wgPublicKey).toString('base64url'));
    return {
      grpc: this.#issue('grpc', name, request.grpcSpki, { uris: [uri] }, ['clientAuth'], nowMs, relayMs),
      network: this.#issue('network', name, request.networkSpki, { uris: [uri, wgUri] }, ['serverAuth', 'clientAuth'], nowMs, relayMs),
    };
  }

  /** Makes the revocation list of the network CA, DER. @param number Only grows. */
  makeCrl({ number, revoked, nowMs }: Pick<CrlRequest, 'number' | 'revoked'> & { readonly nowMs: number }): Buffer {
    return makeCrl(this.#signer('network').issuer, { number, revoked, thisUpdateMs: nowMs - BACKDATE_MS, nextUpdateMs: nowMs + CRL_MS });
  }

  /**
   * A secret of 32 octets that every server with these CAs computes alike and nobody else can.
   *
   * @param purpose What it is for; each purpose has its own.
   */
  deriveSecret(purpose: string): Buffer {
    const scalar = Buffer.from(this.#signer('grpc').issuer.key.privateKey.export({ format: 'jwk' }).d!, 'base64url');
    return hkdf(scalar, new Uint8Array(), `nc ${purpose}`);
  }

  #issue(purpose: CaPurpose, commonName: string, spki: Uint8Array, names: AlternativeNames, usages: readonly ExtendedUsage[], nowMs: number, lifetimeMs: number): SignedCertificate {
    const validity = { notBeforeMs: nowMs - BACKDATE_MS, notAfterMs: nowMs + lifetimeMs };
    const { issuer, generation } = this.#signer(purpose);
    return { ...issueLeafCertificate(issuer, { spki, commonName, names, usages, ...validity }), caGeneration: generation };
  }

  #signer(purpose: CaPurpose): CertificateAuthority {
    return this.authority(purpose, this.#standing[purpose].active);
  }

  #trusted(purpose: CaPurpose, standing: PkiStanding): readonly CertificateAuthority[] {
    return standing[purpose].trusted.map((generation) => this.authority(purpose, generation));
  }
}
