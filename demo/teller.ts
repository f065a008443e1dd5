import pc from 'picocolors';

/** A promise of the demo that was not kept. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';

  constructor(
    readonly promise: string,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Tells the story while it happens: what is being done, then a tick with the time it took. */
export class Teller {
  readonly #isTerminal = process.stdout.isTTY === true;
  readonly #startedMs = performance.now();

  /** A line that stands for itself. */
  say(text = ''): void {
    process.stdout.write(`${text}\n`);
  }

  /** A block of output of a program, set in. */
  quote(text: string): void {
    this.say(text.trimEnd().replaceAll(/^/gm, pc.dim('      │ ')));
  }

  /**
   * Keeps one promise. What `keep` returns is told after the tick: the proof in a few words.
   *
   * @throws BrokenPromise with the promise when `keep` throws.
   */
  async promise(promise: string, keep: () => Promise<string | void>): Promise<void> {
    const startedMs = performance.now();
    if (this.#isTerminal) process.stdout.write(`  ${pc.yellow('…')} ${promise}`);
    try {
      const proof = await keep();
      this.#end(pc.green('✔'), promise, startedMs, proof ?? '');
    } catch (error) {
      this.#end(pc.red('✘'), promise, startedMs, '');
      throw new BrokenPromise(promise, error);
    }
  }

  /** Seconds since the beginning. */
  elapsed(): string {
    return seconds(this.#startedMs);
  }

  #end(mark: string, promise: string, startedMs: number, proof: string): void {
    const clear = this.#isTerminal ? '\r\u001b[K' : '';
    this.say(`${clear}  ${mark} ${promise}${proof && pc.dim(`: ${proof}`)} ${pc.cyan(seconds(startedMs))}`);
  }
}

function seconds(startedMs: number): string {
  return `${((performance.now() - startedMs) / 1000).toFixed(2)} s`;
}
