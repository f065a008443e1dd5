import { DomainError } from '../domain/errors.js';
import { STREAM_SILENCE_MS } from '../domain/stream-silence.js';
import type { PeerSignal, RenewRequest, RenewResponse, ReportRequest, ReportResponse, ServiceState, WatchRequest, WatchResponse } from '../gen/networkcontroller/v1/node.js';
import type { Service } from '../gen/networkcontroller/v1/types.js';
import type { Clock } from '../platform/clock.js';
import type { RenewalEvents } from './services/kept-leases.js';

/** One open connection to a control listener. */
export interface ControlSession {
  /** The map stream; ends or throws when the connection does. */
  watch(request: WatchRequest): AsyncIterable<WatchResponse>;
  report(request: ReportRequest): Promise<ReportResponse>;
  /** Asks for certificates for new keys. */
  renew(request: RenewRequest): Promise<RenewResponse>;
  /** @returns The node ids that were not reached. */
  signal(signals: readonly PeerSignal[]): Promise<readonly string[]>;
  /** Offers a service of this node, or changes it. */
  register(service: Service): Promise<unknown>;
  /** Renews the leases of services of this node. */
  renewServices(states: readonly ServiceState[], events: RenewalEvents): void;
  /** Takes a service of this node back. */
  deregister(id: string): Promise<unknown>;
  /** Ends the stream and the connection. Idempotent. */
  close(): void;
}

/** How a stream is read, and who hears what it says. */
export interface StreamReader {
  readonly clock: Clock;
  /** How long the controller may take for its first message, ms. */
  readonly firstAnswerMs: number;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  onMessage(message: WatchResponse): void;
  /** Told in how many ms to leave; it stays the moment to come back at when the controller ends the stream before. */
  onGoAway(afterMs: number): void;
}

/**
 * Reads one map stream to its end, message by message.
 *
 * Silence ends it, and so does a `GoAway`, at a random moment of the time it grants: nodes that all leave a stopping
 * controller at once would arrive at the next one at once.
 *
 * @throws what the stream throws.
 */
export async function followStream(
  session: ControlSession,
  request: WatchRequest,
  { clock, firstAnswerMs, random, onMessage, onGoAway }: StreamReader,
): Promise<void> {
  let silentMs = 0;
  const listen = (limitMs: number): (() => void) =>
    clock.after(limitMs, () => {
      silentMs = limitMs;
      session.close();
    });
  let cancelSilence = listen(firstAnswerMs);
  let cancelLeave = (): void => {};
  try {
    for await (const message of session.watch(request)) {
      cancelSilence();
      cancelSilence = listen(STREAM_SILENCE_MS);
      if (message.message?.$case === 'goAway') {
        cancelLeave();
        const afterMs = random() * message.message.value.reconnectWithinSeconds * 1000;
        cancelLeave = clock.after(afterMs, () => session.close());
        onGoAway(afterMs);
      }
      onMessage(message);
    }
  } catch (error) {
    if (silentMs > 0) throw new DomainError('timeout', `no word from the controller for ${silentMs / 1000} s`, { cause: error });
    throw error;
  } finally {
    cancelSilence();
    cancelLeave();
  }
}
