import { AuditRecord } from '../../gen/networkcontroller/store/v1/records.js';
import { publicRandom } from '../../platform/public-random.js';
import { redactText } from '../../platform/redact.js';
import { actorOf, type Caller } from '../auth/caller.js';
import { keys } from '../store/keys.js';
import type { Operation } from '../store/store.js';

/** What an audit record says beside who and when. */
export interface AuditEntry {
  /** Kind and id of what was changed, `node/4f2a…`. */
  readonly object: string;
  readonly method: string;
  readonly network?: string;
  readonly reason?: string;
}

/** A refusal, as the transport saw it. */
export interface Refusal {
  /** `node:<id>`, `admin:<name>`, `local`, `anonymous`, or `unknown` before anybody was authenticated. */
  readonly actor: string;
  readonly peerAddress: string;
  readonly method: string;
  /** The code. */
  readonly result: string;
  readonly reason: string;
}

/** How long an audit record is kept in the store; the rotated log files are the archive. */
const KEEP_MS = 90 * 24 * 3_600_000;

/**
 * The write that puts a change's audit record into the change's own transaction, so that neither exists without the
 * other.
 */
export function auditOperation(caller: Caller, entry: AuditEntry, nowMs: number): Operation {
  const record = AuditRecord.fromPartial({
    atMs: nowMs,
    actor: actorOf(caller),
    peerAddress: caller.address,
    serial: 'serial' in caller ? caller.serial : '',
    method: entry.method,
    object: entry.object,
    network: entry.network ?? '',
    result: 'ok',
    reason: entry.reason ?? '',
  });
  return putAudit(record, nowMs);
}

/**
 * The write of a refusal's audit record, which has no transaction of its own to be part of. Its sentence may repeat what the
 * caller gave, and somebody will give a join string where a name is wanted.
 */
export function refusalOperation(refusal: Refusal, nowMs: number): Operation {
  return putAudit(AuditRecord.fromPartial({ ...refusal, reason: redactText(refusal.reason), atMs: nowMs }), nowMs);
}

function putAudit(record: AuditRecord, nowMs: number): Operation {
  // Time first, so that the keys sort by it; the random part keeps two records of one millisecond apart.
  const id = `${nowMs.toString(16).padStart(12, '0')}-${publicRandom(6).toString('hex')}`;
  // What was refused may be quoted in the reason, and somebody gives a join string where a name is wanted.
  const reason = redactText(record.reason);
  return { put: keys.audit(id), value: AuditRecord.encode({ ...record, reason }).finish(), expireAtMs: auditEndMs(nowMs) };
}

/** When the store lets go of an audit record, UTC ms. */
export function auditEndMs(atMs: number): number {
  return atMs + KEEP_MS;
}
