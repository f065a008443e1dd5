import type { Clock } from '../platform/clock.js';
import type { NatFindings, NatKind } from './nat-kind.js';

/** How long the kind is waited for, in ms. Where the controller's second port does not answer, it never comes. */
const WAIT_MS = 3000;

/** Time between a probe without answers and the next, in ms. */
const AGAIN_MS = 250;

const NOTHING: NatFindings = { symmetric: undefined, portRestricted: undefined };

/** What a watch works with. */
export interface NatWatchDeps {
  readonly clock: Clock;
  probe(endpoints: readonly [string, string]): Promise<NatFindings>;
  /** The kind is known now, or waited for no longer. */
  onDecided(): void;
}

/** Knows what the NAT in front of this machine does, once it has found out. */
export class NatWatch {
  readonly #deps: NatWatchDeps;
  #kind: NatKind | undefined;
  #found = NOTHING;
  #askedMs = -Infinity;
  /** Counts the questions, so that what comes late from another network is not believed. */
  #question = 0;
  #cancelWait: () => void = () => {};
  #cancelAgain: () => void = () => {};
  #asking = false;

  constructor(deps: NatWatchDeps) {
    this.#deps = deps;
  }

  /** Undefined while it is being found out, which is for three seconds at most; then what did not answer is taken for harmless. */
  get kind(): NatKind | undefined {
    return this.#kind;
  }

  /** Since when an answer is awaited, in ms; undefined while none is. */
  get awaitedSinceMs(): number | undefined {
    return this.#asking ? this.#askedMs : undefined;
  }

  /**
   * Asks. Until the answer comes what was known goes on to count.
   *
   * @param endpoints Two of the controller that tell what they see; without them there is nothing to find out.
   */
  ask(endpoints: readonly [string, string] | undefined): void {
    this.#end();
    if (endpoints === undefined) return this.#decide();
    const { clock } = this.#deps;
    this.#asking = true;
    this.#askedMs = clock.now();
    this.#cancelWait = clock.after(WAIT_MS, () => this.#decide());
    void this.#probe(endpoints, this.#question);
  }

  /** This is another network, for all we know. */
  forget(): void {
    this.#kind = undefined;
    this.#found = NOTHING;
  }

  stop(): void {
    this.#end();
  }

  async #probe(endpoints: readonly [string, string], question: number): Promise<void> {
    const found = await this.#deps.probe(endpoints).catch(() => NOTHING);
    if (question !== this.#question) return;
    this.#found = { symmetric: found.symmetric ?? this.#found.symmetric, portRestricted: found.portRestricted ?? this.#found.portRestricted };
    if (found.symmetric !== undefined && found.portRestricted !== undefined) return this.#decide();
    this.#cancelAgain = this.#deps.clock.after(AGAIN_MS, () => void this.#probe(endpoints, question));
  }

  #decide(): void {
    this.#end();
    this.#kind = { symmetric: this.#found.symmetric ?? false, portRestricted: this.#found.portRestricted ?? false };
    this.#deps.onDecided();
  }

  #end(): void {
    this.#question++;
    this.#asking = false;
    this.#cancelWait();
    this.#cancelAgain();
  }
}
