import { PresenceRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { PresenceBoard } from '../services/presence.js';
import { kindOf } from '../store/keys.js';
import type { Repository } from '../store/local-view.js';

/** Tells presence what other servers write about nodes. */
export function followPresence(repository: Repository, presence: PresenceBoard): void {
  repository.onApplied(({ events }) => {
    for (const { key, value } of events) if (value !== undefined && kindOf(key) === 'presence') presence.writtenElsewhere(PresenceRecord.decode(value));
  });
}
