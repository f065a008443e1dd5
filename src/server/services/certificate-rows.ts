import { CertificateRecord, CertificateRecord_State, type NodeRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { NodeCertificateRequest } from '../pki/pki.js';
import { keys } from '../store/keys.js';
import type { Operation } from '../store/store.js';

/** One certificate with what its row says. `serial` is upper-case hex, as X.509 tools print it. */
export interface IssuedCertificate {
  readonly der: Uint8Array;
  readonly serial: string;
  readonly notAfterMs: number;
  /** Of the CA that signed it. */
  readonly caGeneration: number;
}

/** The part of the PKI that makes a node's two certificates. */
export interface NodeCertificateIssuer {
  issueNodeCertificates(request: NodeCertificateRequest): { readonly grpc: IssuedCertificate; readonly network: IssuedCertificate };
}

/**
 * The row without which a node's certificate is worth nothing. It goes when the certificate has run out.
 *
 * @param spki The key of a pending gRPC certificate, DER.
 */
export function certificateRow(
  node: NodeRecord,
  purpose: 'grpc' | 'network',
  issued: IssuedCertificate,
  state = CertificateRecord_State.STATE_CURRENT,
  spki: Uint8Array = new Uint8Array(),
): Operation {
  const record = CertificateRecord.fromPartial({
    serial: issued.serial,
    subjectKind: 'node',
    subjectId: node.id,
    network: node.network,
    purpose,
    state,
    notAfterMs: issued.notAfterMs,
    caGeneration: issued.caGeneration,
    spki: Buffer.from(spki),
    routes: purpose === 'network' ? node.routes : [],
  });
  return { put: keys.certificate(issued.serial), value: CertificateRecord.encode(record).finish(), expireAtMs: issued.notAfterMs };
}
