import type { ConnectionStats } from './connection-limits.js';

/** An open door. */
export interface Listener {
  /** TCP port in use; 0 for a unix socket. */
  readonly port: number;
  stats(): ConnectionStats;
  /** Lets nobody in any more; those inside stay. Idempotent. */
  close(): void;
  /** Closes every connection at once. */
  destroy(): void;
}
