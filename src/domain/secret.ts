/**
 * A text that must not be seen: printing, logging, inspecting or serialising it gives `[redacted]`.
 *
 * Whoever needs the text asks for it by {@link reveal}, which is easy to find in a review.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself: for sending, hashing or writing to a 0600 file, never for a message or a log. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }

  /** What `util.inspect`, and so `console.log`, shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[redacted]';
  }
}
