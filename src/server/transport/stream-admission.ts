import type { Clock } from '../../platform/clock.js';

/** A stream as {@link followAdmissions} looks after it. */
export interface AdmittedStream {
  /** When the certificate that it was opened with ends, UTC ms; Infinity without one. */
  readonly certificateEndsAtMs: number;
  /** Whether its caller is an admin: nobody else ends their streams when they are revoked. */
  readonly isAdmin: boolean;
  /** Asks again whether its caller may have it, and ends it if not. */
  readmit(): Promise<void>;
}

const LOOK_MS = 1_000;

/**
 * Ends streams whose callers would not be let in any more. A call is looked at when it comes; a stream may outlive the
 * certificate that opened it by days.
 *
 * The store is asked only for streams whose certificate has ended and for those of admins: a revoked node's end with its membership.
 *
 * @returns Ends the watch.
 */
export function followAdmissions(streams: Iterable<AdmittedStream>, clock: Clock): () => void {
  return clock.every(LOOK_MS, () => {
    const now = clock.now();
    for (const stream of streams) if (stream.isAdmin || now >= stream.certificateEndsAtMs) void stream.readmit();
  });
}
