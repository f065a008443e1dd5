import { run } from '../../platform/run.js';

/** systemd-resolved, where it answers this machine's programs. @see resolvectl(1) */
export class Resolved {
  readonly #interfaceName: string;

  constructor(interfaceName: string) {
    this.#interfaceName = interfaceName;
  }

  /** Whether it runs here. */
  static async isHere(): Promise<boolean> {
    return run('resolvectl', ['--no-pager', 'status'], { timeoutMs: 3000 }).then(() => true, () => false);
  }

  /**
   * Has it ask `server` for names below `domains` and for nothing else.
   *
   * @throws RunError
   */
  async take(server: string, domains: readonly string[]): Promise<void> {
    await run('resolvectl', ['dns', this.#interfaceName, server]);
    await run('resolvectl', ['domain', this.#interfaceName, ...domains.map((domain) => `~${domain}`)]);
    await run('resolvectl', ['default-route', this.#interfaceName, 'false']);
  }

  /** Takes that back. An interface that is gone has taken it along. */
  async restore(): Promise<void> {
    await run('resolvectl', ['revert', this.#interfaceName]).catch(() => {});
  }
}
