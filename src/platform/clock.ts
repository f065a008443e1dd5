/** Time as the programs see it; the only source of it besides this is a test's. */
export interface Clock {
  /** UTC milliseconds of the wall clock. */
  now(): number;
  /** Runs `task` after `ms`; the returned function cancels it. Never keeps the process alive. */
  after(ms: number, task: () => void): () => void;
  /** Runs `task` every `ms`, first after one interval; the returned function cancels it. Never keeps the process alive. */
  every(ms: number, task: () => void): () => void;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
  every(ms, task) {
    const timer = setInterval(task, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};
