/** Pauses after a failed attempt: a busy machine may fail some, then it is the NATs, which do not change by themselves. */
const PUNCH_PAUSES_MS = [2000, 10_000, 60_000, 300_000, 3_600_000];

/** Pauses after an attempt that did not come to punching. */
const SETTLE_PAUSES_MS = [1000, 2000, 5000, 15_000, 60_000];

/** How long to leave a peer alone that is finding out about its NAT, in ms: it greets when it has, and a greeting may be lost. */
const NAT_PAUSE_MS = 3000;

/** When the next attempt at a direct path to one peer is worth making. */
export class OfferSchedule {
  #punchFailures = 0;
  #settleFailures = 0;
  #nextMs = 0;
  /** The peer was not reached by our last offer; it will greet when it is back. */
  #offline = false;

  /** Since when an attempt is due, or from when on. */
  get dueMs(): number {
    return this.#nextMs;
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#nextMs && !this.#offline;
  }

  /** There is a reason to try at once. */
  soon(): void {
    this.#nextMs = 0;
  }

  /** The peer was punched for in vain, or its direct path broke. */
  punchFailed(nowMs: number): void {
    this.#nextMs = nowMs + pause(PUNCH_PAUSES_MS, this.#punchFailures++);
  }

  /** No session came about. A peer that did not answer in time may have too much to do. */
  settleFailed(nowMs: number): void {
    this.#nextMs = nowMs + pause(SETTLE_PAUSES_MS, this.#settleFailures++);
  }

  /** A session came about. */
  settled(): void {
    this.#settleFailures = 0;
  }

  /** The NATs are such that no attempt is worth making. */
  hopeless(nowMs: number): void {
    this.#nextMs = nowMs + PUNCH_PAUSES_MS.at(-1)!;
  }

  /** One side does not know yet what its NAT does. */
  undecided(nowMs: number): void {
    this.#nextMs = nowMs + NAT_PAUSE_MS;
  }

  peerIsAway(): void {
    this.#offline = true;
  }

  peerIsThere(): void {
    this.#offline = false;
  }

  /** A direct path has proved good. */
  forgetPunches(): void {
    this.#punchFailures = 0;
  }

  /** What failed before may work now. */
  forgetFailures(): void {
    this.#punchFailures = 0;
    this.#settleFailures = 0;
  }
}

function pause(pauses: readonly number[], failures: number): number {
  return pauses[Math.min(failures, pauses.length - 1)]!;
}
