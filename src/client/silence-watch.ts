import type { PeerState } from '../platform/wireguard/device.js';

/** Bytes that are sent without anything being due in return: two keepalives (32 each) and no data. */
const UNANSWERED_BYTES = 64;

/** Sending without hearing for so long, we ask the peer for a packet; */
const ASK_AFTER_MS = 1500;

/** and when that does not help, the path is dead. */
const DEAD_AFTER_MS = 3500;

/**
 * Without a controller nobody can be asked. A peer that only receives says so within ten seconds, so that silence
 * means nothing before. @see the WireGuard paper, §6.1, Keepalive-Timeout
 */
const DEAD_UNASKED_MS = 15_000;

/** Watches a direct path: one on which we send and hear nothing is dead. */
export class SilenceWatch {
  #heard = { rxBytes: -1, txBytes: 0 };
  #silence: { readonly sinceMs: number; asked: 'no' | 'yes' | 'in vain' } | undefined;

  /** @returns What to do about it: ask the peer for a packet, or take the path for dead. */
  look(seen: PeerState, nowMs: number, canAsk: boolean): 'ask' | 'dead' | undefined {
    if (seen.rxBytes !== this.#heard.rxBytes || seen.txBytes < this.#heard.txBytes) {
      this.#heard = { rxBytes: seen.rxBytes, txBytes: seen.txBytes };
      this.#silence = undefined;
    }
    if (seen.txBytes - this.#heard.txBytes <= UNANSWERED_BYTES) return undefined;
    const silence = (this.#silence ??= { sinceMs: nowMs, asked: 'no' });
    const silentMs = nowMs - silence.sinceMs;
    if (canAsk && silence.asked === 'no' && silentMs >= ASK_AFTER_MS) {
      silence.asked = 'yes';
      return 'ask';
    }
    return silentMs >= (canAsk && silence.asked === 'yes' ? DEAD_AFTER_MS : DEAD_UNASKED_MS) ? 'dead' : undefined;
  }

  /** The peer could not be asked. */
  askedInVain(): void {
    if (this.#silence !== undefined) this.#silence.asked = 'in vain';
  }

  /** The path is another one now. */
  reset(): void {
    this.#silence = undefined;
  }
}
