/** Runs tasks one after the other, in the order in which they were asked for, and never two at a time. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Runs `task` when all before it have ended, well or not.
   *
   * @returns What the task gives, or rejects as it does.
   */
  take<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => {});
    return result;
  }

  /** Resolves when all tasks that were asked for until now have ended. */
  async done(): Promise<void> {
    await this.#last;
  }
}
