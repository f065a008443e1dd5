import { kindOf } from '../store/keys.js';
import type { Repository } from '../store/local-view.js';

/** Something that remembers nodes beyond their records. */
export interface NodeMemory {
  forget(nodeId: string): void;
}

/**
 * Makes memories forget each node whose record goes, however it went: by an admin, by itself, for its address, or at another
 * replica.
 */
export function forgetRemoved(repository: Repository, memories: readonly NodeMemory[]): void {
  repository.onApplied(({ events }) => {
    for (const { type, key } of events) {
      if (type !== 'delete' || kindOf(key) !== 'node') continue;
      for (const memory of memories) memory.forget(key.slice(key.lastIndexOf('/') + 1));
    }
  });
}
