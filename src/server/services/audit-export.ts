import { AuditRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { JsonLines } from '../../platform/json-lines.js';
import { kindOf } from '../store/keys.js';
import type { Repository } from '../store/local-view.js';

/**
 * Copies each audit record that is applied to a file, as a line of JSON with the words of `ncadm events --audit -o json`.
 *
 * The store is the record and the file its copy: what a crash keeps from the file is in the store for its 90 days.
 *
 * @returns Ends the copying.
 */
export function exportAudit(repository: Repository, file: Pick<JsonLines, 'write'>): () => void {
  return repository.onApplied(({ events }) => {
    for (const { key, value } of events) {
      if (value === undefined || kindOf(key) !== 'audit') continue;
      const { atMs, ...record } = AuditRecord.decode(value);
      file.write({ id: key.slice(key.lastIndexOf('/') + 1), at: new Date(atMs).toISOString(), ...record });
    }
  });
}
