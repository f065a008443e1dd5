import { createPublicKey, verify } from 'node:crypto';
import { DomainError } from '../../domain/errors.js';
import { CertificateRecord, CertificateRecord_State, NodeRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import type { Caller } from '../auth/caller.js';
import type { LocalView, Repository, Versioned } from '../store/local-view.js';
import type { Operation } from '../store/store.js';
import { auditOperation } from './audit.js';
import { certificateRow, type NodeCertificateIssuer } from './certificate-rows.js';
import { nodeOfToken } from './node-tokens.js';

/** The new public keys of a node, proved by its CSRs. SubjectPublicKeyInfo, DER. */
export interface NewKeys {
  readonly grpcSpki: Uint8Array;
  readonly networkSpki: Uint8Array;
}

/** The certificates for them, DER. */
export interface NewCertificates {
  readonly grpcCertificate: Uint8Array;
  readonly networkCertificate: Uint8Array;
}

/** A node's certificates that stand at once: all of them, its services and its record must fit into the one transaction that ends it. */
const MAX_CERTIFICATES = 40;

const { STATE_CURRENT, STATE_PENDING, STATE_REVOKED, STATE_SUPERSEDED } = CertificateRecord_State;

/**
 * Keeps nodes' certificates alive.
 *
 * A renewed gRPC certificate is pending until the node first uses it; only then is the one before superseded. So a
 * reply that is lost costs nothing, and a superseded certificate that is seen again means a copy of the node.
 */
export class Renewals {
  readonly #repository: Repository;
  readonly #issuer: NodeCertificateIssuer;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #isConnected: (nodeId: string) => boolean;

  constructor(deps: { repository: Repository; issuer: NodeCertificateIssuer; clock: Clock; log: Log; isConnected: (nodeId: string) => boolean }) {
    this.#repository = deps.repository;
    this.#issuer = deps.issuer;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#isConnected = deps.isConnected;
  }

  /** @throws DomainError `node_revoked`, `rate_limited`. */
  async renew(nodeId: string, newKeys: NewKeys, caller: Caller): Promise<NewCertificates> {
    const { result } = await this.#repository.update((view) => {
      const node = requireNode(view, nodeId);
      return this.#issue(view, node, newKeys, caller, 'Renew');
    });
    return result;
  }

  /** The node has used a pending certificate: it is the one from now on, all before it are superseded. */
  async promote(serial: string): Promise<void> {
    await this.#repository.update((view) => {
      const certificate = view.certificate(serial);
      const node = certificate === undefined ? undefined : view.nodeById(certificate.value.subjectId);
      if (certificate?.value.state !== STATE_PENDING || node === undefined) return { if: [], then: [], result: undefined };
      const older = replacedBy(view, node.value, serial);
      const record: NodeRecord = {
        ...node.value,
        grpcSpki: certificate.value.spki,
        pendingGrpcSpki: Buffer.alloc(0),
        grpcSerial: serial,
        certificateExpiresAtMs: certificate.value.notAfterMs,
      };
      return {
        if: [node, certificate, ...older].map(({ key, modRev }) => ({ key, modRev })),
        then: [
          { put: node.key, value: NodeRecord.encode(record).finish() },
          withState(certificate, STATE_CURRENT),
          ...older.map((entry) => withState(entry, STATE_SUPERSEDED)),
        ],
        result: undefined,
      };
    });
  }

  /**
   * Brings back a node whose certificate ran out. As after a renewal, the key registered last stays so until the node has shown that it
   * has the new one: whoever has lost the reply asks again with the key it has, and whoever was cut off before it could use the new
   * certificate asks with the new key.
   *
   * @param signature Of both CSRs, one after the other, by the gRPC key registered last or by the one that waits to be: the node token
   *   alone is worth nothing.
   * @throws DomainError `node_unknown`, `proof_invalid`, `rate_limited`.
   */
  async recover(
    request: { readonly nodeToken: string; readonly grpcCsr: Uint8Array; readonly networkCsr: Uint8Array; readonly signature: Uint8Array },
    newKeys: NewKeys,
    caller: Caller,
  ): Promise<NewCertificates> {
    const { result } = await this.#repository.update((view) => {
      const node = nodeOfToken(view, request.nodeToken);
      const grpcSpki = requireOwnKey(node.value, request);
      if (this.#isConnected(node.value.id)) {
        this.#log.warn('node token used for recovery while the node is connected: a copy of it may be about', { nodeId: node.value.id, peer: caller.address });
      }
      return this.#issue(view, { ...node, value: { ...node.value, grpcSpki } }, newKeys, caller, 'Recover');
    });
    return result;
  }

  #issue(
    view: LocalView,
    node: Versioned<NodeRecord>,
    newKeys: NewKeys,
    caller: Caller,
    method: 'Renew' | 'Recover',
  ): { if: { key: string; modRev: bigint }[]; then: Operation[]; result: NewCertificates } {
    const now = this.#clock.now();
    const { id, network, bindIp, bindIp6, wgPublicKey, routes } = node.value;
    requireFew(view, id);
    const addresses = [bindIp, bindIp6].filter((address) => address !== '');
    const issued = this.#issuer.issueNodeCertificates({ ...newKeys, nodeId: id, network, addresses, wgPublicKey, routes, nowMs: now });
    const record: NodeRecord = {
      ...node.value,
      networkCertificate: Buffer.from(issued.network.der),
      networkSerial: issued.network.serial,
      pendingGrpcSpki: Buffer.from(newKeys.grpcSpki),
    };
    return {
      if: [{ key: node.key, modRev: node.modRev }],
      then: [
        { put: node.key, value: NodeRecord.encode(record).finish() },
        certificateRow(node.value, 'grpc', issued.grpc, STATE_PENDING, newKeys.grpcSpki),
        certificateRow(node.value, 'network', issued.network),
        auditOperation(caller, { object: `node/${id}`, method, network }, now),
      ],
      result: { grpcCertificate: issued.grpc.der, networkCertificate: issued.network.der },
    };
  }
}

function requireNode(view: LocalView, nodeId: string): Versioned<NodeRecord> {
  const node = view.nodeById(nodeId);
  if (node === undefined) throw new DomainError('node_revoked', 'this node was unregistered; join again with a new join string');
  return node;
}

function requireFew(view: LocalView, nodeId: string): void {
  const standing = view.certificatesOf('node', nodeId).filter(({ value }) => value.state !== STATE_REVOKED).length;
  if (standing + 2 <= MAX_CERTIFICATES) return;
  throw new DomainError('rate_limited', `certificates: want at most ${MAX_CERTIFICATES} that have not run out, got ${standing} and two more; use the last or wait until some end`);
}

/** The key that signed the request: the one registered last, or the one that waits to be and is so from now on. */
function requireOwnKey(
  { grpcSpki, pendingGrpcSpki }: NodeRecord,
  request: { readonly grpcCsr: Uint8Array; readonly networkCsr: Uint8Array; readonly signature: Uint8Array },
): NodeRecord['grpcSpki'] {
  const signed = Buffer.concat([request.grpcCsr, request.networkCsr]);
  const own = [grpcSpki, pendingGrpcSpki].find((spki) => spki.length > 0 && verify('sha256', signed, createPublicKey({ key: spki, format: 'der', type: 'spki' }), request.signature));
  if (own !== undefined) return own;
  throw new DomainError('proof_invalid', 'signature: not made by the key that this node registered last; unregister the node and join anew');
}

/** The node's certificates in use beside the new gRPC certificate and the network certificate that its peers are given. */
function replacedBy(view: LocalView, { id, networkSerial }: NodeRecord, grpcSerial: string): readonly Versioned<CertificateRecord>[] {
  return view
    .certificatesOf('node', id)
    .filter(({ value }) => value.state === STATE_CURRENT || value.state === STATE_PENDING)
    .filter(({ value }) => value.serial !== grpcSerial && value.serial !== networkSerial);
}

function withState(certificate: Versioned<CertificateRecord>, state: CertificateRecord_State): Operation {
  const record: CertificateRecord = { ...certificate.value, state };
  return { put: certificate.key, value: CertificateRecord.encode(record).finish(), expireAtMs: certificate.value.notAfterMs };
}
