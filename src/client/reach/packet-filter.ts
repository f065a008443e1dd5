import { DomainError } from '../../domain/errors.js';
import { run, RunError } from '../../platform/run.js';
import { filterRules, tableOf, type FilterInput } from './filter-rules.js';

/** The agent's own table in nftables. Other tables of the machine are not touched. */
export class PacketFilter {
  readonly #interfaceName: string;
  #loaded = '';

  constructor(interfaceName: string) {
    this.#interfaceName = interfaceName;
  }

  /**
   * Makes the table be so. What is so already is left alone, unless somebody has flushed it.
   *
   * @throws DomainError `device_failed` with what nft said.
   */
  async load(input: FilterInput): Promise<void> {
    const rules = filterRules(input);
    if (rules === this.#loaded && (await this.#isThere())) return;
    await nft(rules);
    this.#loaded = rules;
  }

  /** Takes the table away; one that is not there, or a machine without nftables, is as wanted. */
  async remove(): Promise<void> {
    const table = `inet ${tableOf(this.#interfaceName)}`;
    this.#loaded = '';
    if (await this.#isThere()) await nft(`delete table ${table}`);
  }

  async #isThere(): Promise<boolean> {
    try {
      await run('nft', ['list', 'table', 'inet', tableOf(this.#interfaceName)]);
      return true;
    } catch (error) {
      if (error instanceof RunError) return false;
      throw error;
    }
  }
}

/** As one argument, because nft(8) opens /dev/stdin anew, which a socket refuses. */
async function nft(rules: string): Promise<void> {
  try {
    await run('nft', [rules]);
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    throw new DomainError('device_failed', error.reason === 'missing' ? 'nft: no such program; install nftables' : `nft: ${error.stderr.trim() || error.message}`, { cause: error });
  }
}
