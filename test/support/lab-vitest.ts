import { describe, it, onTestFailed, onTestFinished } from 'vitest';
import { capabilities } from './lab-capabilities.js';
import { Lab } from './lab.js';

/**
 * A `describe` whose tests need a network lab. Where there can be none it is skipped with the reason and the way to
 * run it; with CI set that is a failure, because a check that nobody runs checks nothing.
 */
export function describeLab(name: string, tests: () => void): void {
  const { missing } = capabilities();
  if (missing === '') return void describe(name, tests);
  const advice = `needs ${missing}. Run as root on Debian with: apt-get install iproute2 nftables wireguard-tools wireguard-go iputils-ping tcpdump`;
  if (process.env['CI']) {
    return void describe(name, () => it('can raise a network lab', () => Promise.reject(new Error(advice))));
  }
  console.warn(`SKIPPED ${name}: ${advice}`);
  describe.skip(name, tests);
}

/** A lab for the running test: prints what its programs said when the test fails, and is gone after it. */
export function aLab(): Lab {
  const lab = new Lab();
  onTestFinished(() => lab.destroy());
  onTestFailed(() => console.error(lab.logs()));
  return lab;
}
