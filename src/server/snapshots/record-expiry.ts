import { auditEndMs } from '../services/audit.js';
import { kindOf } from '../store/keys.js';
import { decodeRecord } from '../store/records.js';
import type { KeyAndValue } from './record-digest.js';

/**
 * When the store is to delete a record, UTC ms; undefined for never. It follows from the record, because whoever goes by a time keeps it
 * there, so that a copy need not carry it.
 */
export function expiryOf({ key, value }: KeyAndValue): number | undefined {
  const kind = kindOf(key);
  switch (kind) {
    case 'certificate':
      return decodeRecord(kind, key, value).notAfterMs;
    case 'apiToken':
      return decodeRecord(kind, key, value).expiresAtMs;
    case 'audit':
      return auditEndMs(decodeRecord(kind, key, value).atMs);
    case 'address':
      return decodeRecord(kind, key, value).quarantinedUntilMs || undefined;
    default:
      return undefined;
  }
}
