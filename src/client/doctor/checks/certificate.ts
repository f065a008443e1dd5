import { DomainError } from '../../../domain/errors.js';
import { formatExpiry } from '../../../platform/measures.js';
import { CaBundle, readCertificate } from '../../../platform/x509/ca-bundle.js';
import { readCrl } from '../../../platform/x509/crl.js';
import { fail, ok, warn, type Finding } from '../finding.js';
import type { Patient } from '../patient.js';

/** A certificate is renewed when a third of its life is left; with less than this something keeps it from being. */
const RENEWED_BEFORE = 1 / 4;
const JOIN_AGAIN = 'ask an admin for a new join string, then "nc-client join --replace"';

/** Whether both certificates are in time, renewed, and not revoked. */
export function checkCertificate(patient: Patient): Finding[] {
  const { membership } = patient;
  if (membership === undefined) return [];
  const revoked = isRevoked(patient) ? [fail('certificate', 'the network certificate of this node is revoked', JOIN_AGAIN)] : [];
  return [...revoked, judge(patient, 'gRPC', membership.grpcCertificate), judge(patient, 'network', membership.networkCertificate)];
}

function judge({ clock, status }: Patient, kind: string, der: Buffer): Finding {
  const { validFrom, validTo } = readCertificate(der);
  const [fromMs, toMs, nowMs] = [Date.parse(validFrom), Date.parse(validTo), clock.now()];
  const says = `the ${kind} certificate ends ${formatExpiry(toMs, nowMs)}`;
  if (nowMs < fromMs) return fail('certificate', `the ${kind} certificate is valid only ${formatExpiry(fromMs, nowMs)}`, 'set this machine\'s clock: it is behind');
  if (nowMs >= toMs) return fail('certificate', `the ${kind} certificate ended ${formatExpiry(toMs, nowMs)}`, `the agent gets new ones by itself once it reaches the controller's bootstrap port; if it is refused, ${JOIN_AGAIN}`);
  if (toMs - nowMs >= (toMs - fromMs) * RENEWED_BEFORE) return ok('certificate', says);
  const why = status?.health.find((line) => line.startsWith('the certificates of this node'));
  return warn('certificate', `${says} and was not renewed in time`, why ?? 'let the agent run and reach the controller; it renews by itself');
}

function isRevoked({ map, membership }: Patient): boolean {
  if (map === undefined || membership === undefined || map.crl.length === 0) return false;
  try {
    const { certificates } = new CaBundle(membership.bundle.network?.certificates ?? []);
    return readCrl(map.crl, certificates).serials.has(readCertificate(membership.networkCertificate).serialNumber);
  } catch (error) {
    // A list that cannot be verified says nothing.
    if (error instanceof DomainError) return false;
    throw error;
  }
}
