import { DomainError } from '../../domain/errors.js';
import { CertificateRecord_State, type CertificateRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import type { LocalView } from '../store/local-view.js';
import type { Authenticate } from './authenticate.js';
import type { Caller } from './caller.js';
import type { CallerCertificate } from './caller-certificate.js';

/** What {@link clientCertificates} needs. */
export interface ClientCertificateDeps {
  readonly view: LocalView;
  readonly clusterId: string;
  readonly clock: Clock;
  /**
   * Makes a renewed certificate the current one and its predecessor superseded; awaited before the first request
   * that shows it is served.
   */
  readonly promote: (serial: string) => Promise<unknown>;
  /** Told when a superseded certificate shows up: two machines have one node's keys. */
  readonly onSuperseded: (row: CertificateRecord, address: string) => void;
}

/**
 * Tells who calls by the client certificate that TLS has verified.
 *
 * The certificate only names a row of the store by its serial; kind, subject, role and validity are the row's, so a
 * certificate that was signed but never listed is worth nothing, and a revocation counts from the next request on.
 *
 * @returns A function that throws DomainError `unauthenticated`, `certificate_invalid`, `certificate_superseded`,
 *   `node_revoked`, `node_unknown`, `relay_unknown`.
 */
export function clientCertificates(deps: ClientCertificateDeps): Authenticate {
  const promotions = new Map<string, Promise<unknown>>();
  /** Requests that arrive together share one promotion. */
  const promoteOnce = (serial: string): Promise<unknown> => {
    const running = promotions.get(serial) ?? deps.promote(serial).finally(() => promotions.delete(serial));
    promotions.set(serial, running);
    return running;
  };
  return async ({ address, certificate }) => {
    if (certificate === undefined) throw new DomainError('unauthenticated', 'want a client certificate, got none');
    const row = listedRow(deps, certificate, address);
    const caller = callerOf(deps.view, row, address);
    if (row.state === CertificateRecord_State.STATE_PENDING) await promoteOnce(row.serial);
    return caller;
  };
}

function listedRow(deps: ClientCertificateDeps, certificate: CallerCertificate, address: string): CertificateRecord {
  const row = deps.view.certificate(certificate.serialNumber)?.value;
  if (row === undefined || row.purpose !== 'grpc') throw invalid(`want one that this cluster has listed, got ${certificate.serialNumber} of ${certificate.subjectaltname ?? 'nobody'}`);
  const named = `URI:nc://${deps.clusterId}/${row.subjectKind}/${row.subjectId}`;
  if (certificate.subjectaltname !== named) throw invalid('want one that names the subject it was listed for');
  refuseState(deps, row, address);
  const now = deps.clock.now();
  if (now >= row.notAfterMs || now >= Date.parse(certificate.valid_to)) throw invalid(`it expired at ${new Date(row.notAfterMs).toISOString()}`);
  return row;
}

function refuseState(deps: ClientCertificateDeps, row: CertificateRecord, address: string): void {
  switch (row.state) {
    case CertificateRecord_State.STATE_CURRENT:
    case CertificateRecord_State.STATE_PENDING:
      return;
    case CertificateRecord_State.STATE_SUPERSEDED:
      deps.onSuperseded(row, address);
      throw new DomainError('certificate_superseded', 'certificate: a newer one of this node is in use; is there a copy of it?');
    case CertificateRecord_State.STATE_REVOKED:
      if (row.subjectKind === 'relay') throw noRelay(row.subjectId);
      throw row.subjectKind === 'node' ? revoked(row.subjectId) : invalid('it was revoked');
    case CertificateRecord_State.STATE_UNSPECIFIED:
      throw invalid('its row has no state');
  }
}

function callerOf(view: LocalView, row: CertificateRecord, address: string): Caller {
  const { serial, subjectId } = row;
  if (row.subjectKind === 'node') {
    const node = view.nodeById(subjectId)?.value;
    if (node === undefined) throw new DomainError('node_unknown', `node ${subjectId} is not registered, or no longer`);
    if (node.revokedAtMs > 0) throw revoked(subjectId);
    return { kind: 'node', nodeId: node.id, network: node.network, serial, address };
  }
  if (row.subjectKind === 'relay') {
    if (view.relay(subjectId) === undefined) throw noRelay(subjectId);
    return { kind: 'relay', name: subjectId, serial, address };
  }
  if (row.subjectKind === 'admin' && (row.role === 'admin' || row.role === 'viewer')) {
    return { kind: 'admin', name: subjectId, role: row.role, serial, address };
  }
  throw invalid(`want a node's, a relay's or an admin's, got a certificate of kind "${row.subjectKind}"`);
}

function invalid(what: string): DomainError {
  return new DomainError('certificate_invalid', `certificate: ${what}`);
}

function revoked(nodeId: string): DomainError {
  return new DomainError('node_revoked', `node ${nodeId} has been revoked`);
}

function noRelay(name: string): DomainError {
  return new DomainError('relay_unknown', `relay ${name} is not enrolled, or was revoked`);
}
