import { CertificateRecord_State } from '../../gen/networkcontroller/store/v1/records.js';
import { kindOf } from '../store/keys.js';
import { decodeRecord, encodeRecord, pathOf } from '../store/records.js';
import type { EndsSince } from './ends-since.js';
import type { KeyAndValue } from './record-digest.js';

/** What a restore changed of the snapshot. */
export interface RestoreChanges {
  /** Nodes that the journal knows to have ended. */
  readonly nodesEnded: string[];
  tokensRevoked: number;
  certificatesRevoked: number;
  apiTokensRevoked: number;
}

/** Past any number that was published after the snapshot: agents take no list with a lower one. */
const CRL_LEAP = 1_000_000;

/**
 * The records of a snapshot as they are to come to life: without what ended since, with every open bootstrap token revoked, since
 * nobody knows which were used, and with the next revocation list numbered higher than any before.
 */
export async function* restoredRecords(
  records: AsyncIterable<KeyAndValue>,
  ends: EndsSince,
  nowMs: number,
  changes: RestoreChanges,
): AsyncGenerator<KeyAndValue> {
  for await (const record of overlaid(records, ends.records, changes)) {
    const value = valueOf(record, ends, nowMs, changes);
    if (value !== undefined) yield { key: record.key, value };
  }
}

/** `records` with those of `newer` in their places or instead of them; both in the order of keys. */
async function* overlaid(records: AsyncIterable<KeyAndValue>, newer: readonly KeyAndValue[], changes: RestoreChanges): AsyncGenerator<KeyAndValue> {
  let next = 0;
  const upTo = function* (key: string | undefined): Generator<KeyAndValue> {
    const end = key === undefined ? undefined : Buffer.from(key);
    for (; next < newer.length && (end === undefined || Buffer.compare(Buffer.from(newer[next]!.key), end) <= 0); next++) {
      count(newer[next]!.key, changes);
      yield newer[next]!;
    }
  };
  for await (const record of records) {
    let replaced = false;
    for (const over of upTo(record.key)) {
      replaced ||= over.key === record.key;
      yield over;
    }
    if (!replaced) yield record;
  }
  yield* upTo(undefined);
}

function count(key: string, changes: RestoreChanges): void {
  if (kindOf(key) === 'certificate') changes.certificatesRevoked++;
  if (kindOf(key) === 'apiToken') changes.apiTokensRevoked++;
}

/** The value that a record comes to life with; undefined when it does not. */
function valueOf({ key, value }: KeyAndValue, { nodes }: EndsSince, nowMs: number, changes: RestoreChanges): Uint8Array | undefined {
  const kind = kindOf(key);
  switch (kind) {
    case 'token': {
      const token = decodeRecord(kind, key, value);
      if (token.revokedAtMs > 0) return value;
      changes.tokensRevoked++;
      return encodeRecord(kind, { ...token, revokedAtMs: nowMs });
    }
    case 'crl': {
      const crl = decodeRecord(kind, key, value);
      return encodeRecord(kind, { ...crl, number: crl.number + CRL_LEAP, thisUpdateMs: 0 });
    }
    case 'node': {
      const { id } = decodeRecord(kind, key, value);
      if (!nodes.has(id)) return value;
      changes.nodesEnded.push(id);
      return undefined;
    }
    case 'name':
    case 'service':
      return nodes.has(decodeRecord(kind, key, value).nodeId) ? undefined : value;
    case 'wireguardKey':
      return nodes.get(decodeRecord(kind, key, value).nodeId)?.revoked === false ? undefined : value;
    case 'address': {
      const { nodeId, tokenId } = decodeRecord(kind, key, value);
      // What was kept for the first node of a token is free, for the token is revoked.
      return nodes.has(nodeId) || tokenId !== '' ? undefined : value;
    }
    case 'presence':
    case 'nodeBundle':
      return nodes.has(pathOf(key, kind).at(-1) ?? '') ? undefined : value;
    case 'certificate': {
      const certificate = decodeRecord(kind, key, value);
      if (!nodes.has(certificate.subjectId) || certificate.subjectKind !== 'node' || certificate.state === CertificateRecord_State.STATE_REVOKED) return value;
      changes.certificatesRevoked++;
      return encodeRecord(kind, { ...certificate, state: CertificateRecord_State.STATE_REVOKED, revokedAtMs: nowMs });
    }
    default:
      return value;
  }
}
