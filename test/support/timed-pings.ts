import type { LabProcess } from './lab-process.js';
import type { Lab } from './lab.js';

/** Pings that go out a hundred times a second, each answer with its time. */
export class TimedPings {
  readonly #process: LabProcess;

  private constructor(process: LabProcess) {
    this.#process = process;
  }

  /** Begins as soon as `machine` has the interface `device`. */
  static start(lab: Lab, machine: string, device: string, address: string): TimedPings {
    const script = 'until ip -o addr show dev "$0" 2>/dev/null | grep -q inet; do sleep 0.01; done; exec ping -n -D -i 0.01 "$1"';
    return new TimedPings(lab.spawn(machine, ['sh', '-c', script, device, address], { name: `pings of ${machine}` }));
  }

  /** UTC ms of the first answer that came after `sinceMs`, or undefined. */
  firstAnswerMs(sinceMs = 0): number | undefined {
    return this.#answers().find(({ atMs }) => atMs > sinceMs)?.atMs;
  }

  /** Answers so far. */
  get received(): number {
    return this.#answers().length;
  }

  /** Pings between the first answer after `sinceMs` and the last answer that were not answered themselves. */
  lost(sinceMs = 0): number {
    const sequence = new Set(this.#answers().filter(({ atMs }) => atMs > sinceMs).map((answer) => answer.sequence));
    return sequence.size === 0 ? 0 : Math.max(...sequence) - Math.min(...sequence) + 1 - sequence.size;
  }

  /** The longest time without an answer since then, in ms. */
  longestSilenceMs(sinceMs: number): number {
    const times = [sinceMs, ...this.#answers().map(({ atMs }) => atMs).filter((atMs) => atMs > sinceMs)];
    return Math.round(Math.max(0, ...times.slice(1).map((atMs, index) => atMs - times[index]!)));
  }

  /** @see ping(8), SIGINT */
  async stop(): Promise<void> {
    await this.#process.stop('SIGINT');
  }

  #answers(): { readonly atMs: number; readonly sequence: number }[] {
    const found = this.#process.output().matchAll(/^\[(\d+\.\d+)\] \d+ bytes from .* icmp_seq=(\d+) /gm);
    return [...found].map(([, seconds, sequence]) => ({ atMs: Number(seconds) * 1000, sequence: Number(sequence) }));
  }
}
