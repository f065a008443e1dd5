/**
 * Keeps what was read for as long as the store stays at the revision at which it was read. Requests that are answered at one revision ask for
 * the same few records again and again.
 */
export class RevisionMemo {
  readonly #at: { readonly rev: bigint };
  readonly #found = new Map<string, unknown>();
  #rev: bigint;

  /** @param at Whose revision decides. */
  constructor(at: { readonly rev: bigint }) {
    this.#at = at;
    this.#rev = at.rev;
  }

  /**
   * What was read under `name` at this revision, else what `read` gives. That nothing was found is not kept: anybody may ask for what there
   * is not, and for any number of it.
   */
  find<T>(name: string, read: () => T): T {
    if (this.#rev !== this.#at.rev) {
      this.#found.clear();
      this.#rev = this.#at.rev;
    }
    const kept = this.#found.get(name);
    if (kept !== undefined) return kept as T;
    const found = read();
    if (found !== undefined) this.#found.set(name, found);
    return found;
  }
}
