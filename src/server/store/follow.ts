import type { RevisionFeed } from './revision-feed.js';
import type { Snapshot } from './snapshot.js';
import { UnknownOutcome } from './store.js';

/**
 * Moves to what the file holds now and tells of every revision on the way. What is told comes from the file itself, so that nothing
 * is left out, not even what a writer committed and could no longer report.
 */
export function follow(snapshot: Snapshot, feed: RevisionFeed): void {
  try {
    snapshot.advance();
    feed.publish(snapshot.log.revisionsFrom(feed.rev + 1n, Number.MAX_SAFE_INTEGER) ?? [], snapshot.rev);
  } catch (cause) {
    throw new UnknownOutcome('the store may have moved on, but its file cannot be read', { cause });
  }
}
