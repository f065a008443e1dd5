/**
 * What one decision has set aside in memory, an address or a token's use, until its transaction is settled. Giving
 * back twice is giving back once.
 */
export class SetAside {
  readonly #undo: (() => void)[] = [];

  /** Remembers how to give one thing back. */
  add(undo: () => void): void {
    this.#undo.push(undo);
  }

  /** Gives everything back; what was committed, the store says itself from now on. */
  release(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }
}
