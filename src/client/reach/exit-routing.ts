import { run, RunError } from '../../platform/run.js';
import { runTool } from '../../platform/wireguard/network-interface.js';
import { EXIT_MARK } from './filter-rules.js';

/** Places of the rules, lowest first: well before the main table's, and together. @see ip-rule(8) */
const OUTSIDE = 5201;
const NEAR = 5202;
const AWAY = 5203;
const TABLE = String(EXIT_MARK);
/** Behind every other route, so that it takes what the tunnel does not. */
const LAST = '4278198272';

/** What is led where. */
export interface ExitPlan {
  readonly interfaceName: string;
  /** IPv4 addresses that stay outside of the tunnel. */
  readonly outside: readonly string[];
  /** Whether there is an exit to send to now. */
  readonly hasExit: boolean;
}

/**
 * Leads everything that has no other way into the tunnel, by rules and a table of its own; the main table stays as it is.
 *
 * What WireGuard sends carries a mark and goes as before. What has a route of its own, such as the local network, does too. While there is no
 * exit, and for IPv6, which no exit carries, nothing leaves. @see wg-quick(8), "Table = auto"
 */
export class ExitRouting {
  /** @throws DomainError `device_failed` with what ip(8) said. */
  async set({ interfaceName, outside, hasExit }: ExitPlan): Promise<void> {
    for (const family of ['-4', '-6'] as const) await ip(family, 'route', 'replace', 'unreachable', 'default', 'metric', LAST, 'table', TABLE);
    if (hasExit) await ip('-4', 'route', 'replace', 'default', 'dev', interfaceName, 'table', TABLE);
    else await ifThere('-4', 'route', 'del', 'default', 'dev', interfaceName, 'table', TABLE);
    await this.#setOutside(outside);
    for (const family of ['-4', '-6'] as const) {
      const have = await prioritiesOf(family);
      if (!have.includes(NEAR)) await ip(family, 'rule', 'add', 'priority', String(NEAR), 'lookup', 'main', 'suppress_prefixlength', '0');
      if (!have.includes(AWAY)) await ip(family, 'rule', 'add', 'priority', String(AWAY), 'not', 'fwmark', TABLE, 'lookup', TABLE);
    }
  }

  /** Takes rules and table away. Idempotent. */
  async remove(): Promise<void> {
    for (const family of ['-4', '-6'] as const) {
      const ours = (await prioritiesOf(family)).filter((priority) => [OUTSIDE, NEAR, AWAY].includes(priority));
      // The rule that leads away goes first: without the others it would lead everything away.
      for (const priority of ours.sort((a, b) => b - a)) await ip(family, 'rule', 'del', 'priority', String(priority));
      await ifThere(family, 'route', 'flush', 'table', TABLE);
    }
  }

  async #setOutside(addresses: readonly string[]): Promise<void> {
    const have = (await rules('-4')).filter(({ priority }) => priority === OUTSIDE).map(({ dst }) => dst ?? '');
    const wanted = [...new Set(addresses)];
    for (const address of wanted) if (!have.includes(address)) await ip('-4', 'rule', 'add', 'priority', String(OUTSIDE), 'to', address, 'lookup', 'main');
    for (const address of have) if (!wanted.includes(address)) await ip('-4', 'rule', 'del', 'priority', String(OUTSIDE), 'to', address);
  }
}

async function prioritiesOf(family: '-4' | '-6'): Promise<number[]> {
  return (await rules(family)).map(({ priority }) => priority);
}

async function rules(family: '-4' | '-6'): Promise<{ priority: number; dst?: string }[]> {
  return JSON.parse((await runTool('ip', [family, '-j', 'rule', 'show'])) || '[]') as { priority: number; dst?: string }[];
}

function ip(...words: string[]): Promise<string> {
  return runTool('ip', words);
}

/** What is not there need not be taken away. */
async function ifThere(...words: string[]): Promise<void> {
  await run('ip', words).catch((error: unknown) => {
    if (!(error instanceof RunError)) throw error;
  });
}
