/** What comes of itself, for one reader who takes it when it likes. */
export class Incoming<T> implements AsyncIterableIterator<T> {
  readonly #waiting: T[] = [];
  readonly #onLeave: () => void;
  #reader: { resolve(result: IteratorResult<T>): void; reject(error: unknown): void } | undefined;
  #end: { readonly error: unknown } | undefined;

  /** @param onLeave The reader wants no more. */
  constructor(onLeave: () => void) {
    this.#onLeave = onLeave;
  }

  push(value: T): void {
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) this.#waiting.push(value);
    else reader.resolve({ done: false, value });
  }

  /** Nothing more comes; the reader first gets what has come. @param error Undefined for a good end. Only the first end counts. */
  end(error: unknown): void {
    this.#end ??= { error };
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader !== undefined) this.next().then(reader.resolve, reader.reject);
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#waiting.length > 0) return Promise.resolve({ done: false, value: this.#waiting.shift()! });
    if (this.#end === undefined) return new Promise((resolve, reject) => (this.#reader = { resolve, reject }));
    return this.#end.error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(this.#end.error);
  }

  return(): Promise<IteratorResult<T>> {
    this.#onLeave();
    this.end(undefined);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
