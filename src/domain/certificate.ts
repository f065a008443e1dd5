import { DomainError } from './errors.js';

/** Whom a certificate names. What the subject may do stands in the store, never in the certificate. */
export type SubjectKind = 'node' | 'admin' | 'relay';

/** The subject of a certificate. */
export interface CertificateSubject {
  readonly kind: SubjectKind;
  /** Node id, admin's name or relay id. */
  readonly id: string;
}

/** How long certificates of each kind are valid, in milliseconds. */
export interface Lifetimes {
  readonly caMs: number;
  readonly serverMs: number;
  readonly nodeGrpcMs: number;
  readonly nodeNetworkMs: number;
  readonly relayMs: number;
  readonly adminMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * The lifetimes unless configured otherwise. The network certificate outlives the gRPC certificate by two days and is renewed with
 * it, so a weekend without the controller does not tear the overlay down. A relay lives longer still, because it cannot come back by itself
 * once its certificates have ended.
 */
export const DEFAULT_LIFETIMES: Lifetimes = {
  caMs: 3653 * DAY_MS,
  serverMs: 7 * DAY_MS,
  nodeGrpcMs: DAY_MS,
  nodeNetworkMs: 3 * DAY_MS,
  relayMs: 7 * DAY_MS,
  adminMs: 12 * HOUR_MS,
};

/** How far before its issue a certificate begins to be valid, for peers whose clocks are behind. */
export const BACKDATE_MS = 5 * 60_000;

const RENEW_AFTER = 2 / 3;
const JITTER = 1 / 20;
const SERVER_NAME = /^server\.([a-z0-9-]{1,63})\.nc\.internal$/;
const URI = /^nc:\/\/([a-z0-9-]{1,63})\/(node|admin|relay|wg|network|route)\/([A-Za-z0-9._-]{1,128})$/;

/** What a URI of ours may name. */
type UriKind = SubjectKind | 'wg' | 'network' | 'route';

/**
 * The URI that names a subject: `nc://<cluster>/node/<id>`.
 *
 * @throws DomainError `invalid_argument` when the parts could not be read back.
 */
export function subjectUri(clusterId: string, { kind, id }: CertificateSubject): string {
  return checkedUri(`nc://${clusterId}/${kind}/${id}`);
}

/**
 * The URI by which a network certificate names a WireGuard key: `nc://<cluster>/wg/<key>`.
 *
 * @param key 32 octets in base64url, 43 characters.
 * @throws DomainError `invalid_argument` when the parts could not be read back.
 */
export function wireGuardUri(clusterId: string, key: string): string {
  return checkedUri(`nc://${clusterId}/wg/${key}`);
}

/**
 * The URI by which a network certificate names the network that its addresses are of: `nc://<cluster>/network/<name>`. Two networks may
 * use the same addresses.
 *
 * @throws DomainError `invalid_argument` when the parts could not be read back.
 */
export function networkUri(clusterId: string, network: string): string {
  return checkedUri(`nc://${clusterId}/network/${network}`);
}

/**
 * The URI by which a network certificate says that a prefix is reached through its node: `nc://<cluster>/route/192.168.7.0-24`.
 *
 * @param prefix "192.168.7.0/24"
 * @throws DomainError `invalid_argument` when the parts could not be read back.
 */
export function routeUri(clusterId: string, prefix: string): string {
  return checkedUri(`nc://${clusterId}/route/${prefix.replace('/', '-')}`);
}

/** Takes a URI of ours apart; undefined when it is none. */
export function parseCertificateUri(
  uri: string,
): { readonly clusterId: string; readonly kind: UriKind; readonly value: string } | undefined {
  const [, clusterId, kind, value] = URI.exec(uri) ?? [];
  if (clusterId === undefined || value === undefined) return undefined;
  return { clusterId, kind: kind as UriKind, value };
}

/**
 * The subject that the URIs of a certificate name.
 *
 * @throws DomainError `certificate_invalid` when they name none or several, or a subject of another cluster.
 */
export function subjectOf(uris: readonly string[], clusterId: string): CertificateSubject {
  const parsed = uris.map(parseCertificateUri);
  const subjects = parsed.flatMap((uri) => (uri !== undefined && isSubject(uri.kind) ? [{ kind: uri.kind, id: uri.value }] : []));
  const [subject] = subjects;
  if (subject === undefined || subjects.length > 1) throw new DomainError('certificate_invalid', `certificate: want one subject, got ${subjects.length}`);
  if (parsed.some((uri) => uri?.clusterId !== clusterId)) throw new DomainError('certificate_invalid', `certificate: want names of cluster ${clusterId} only`);
  return subject;
}

/** The DNS name in every server's certificate. It is never looked up: clients connect to any address and expect it. */
export function serverName(clusterId: string): string {
  return `server.${clusterId}.nc.internal`;
}

/** The cluster whose server goes by `name`; undefined when it is no server's name. */
export function clusterOfServerName(name: string): string | undefined {
  return SERVER_NAME.exec(name)?.[1];
}

/**
 * When to renew: at two thirds of the lifetime, up to a twentieth of it earlier, so that certificates issued together
 * are not renewed together.
 *
 * @param notBeforeMs As in the certificate, {@link BACKDATE_MS} before its issue.
 * @param jitter      Uniform random number, 0 to 1.
 * @returns UTC ms.
 */
export function renewAtMs(notBeforeMs: number, notAfterMs: number, jitter: number): number {
  const issuedAtMs = notBeforeMs + BACKDATE_MS;
  const lifetimeMs = notAfterMs - issuedAtMs;
  return issuedAtMs + lifetimeMs * (RENEW_AFTER - JITTER * jitter);
}

function isSubject(kind: UriKind): kind is SubjectKind {
  return kind === 'node' || kind === 'admin' || kind === 'relay';
}

function checkedUri(uri: string): string {
  if (!URI.test(uri)) throw new DomainError('invalid_argument', 'certificate name: want letters, digits, ".", "_" and "-" only');
  return uri;
}
