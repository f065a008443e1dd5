import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const SCRIPT = readFileSync('scripts/system-packages.mjs', 'utf8');
const AS_NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, '--input-type=module', '-'];

describe('the preparation of the machine', () => {
  it.runIf(process.getuid?.() === 0)('names what is missing and goes on where it may not install', () => {
    // Nobody may look into the folder of the package, so the script comes through standard input.
    const said = execFileSync('/usr/bin/setpriv', AS_NOBODY, { input: SCRIPT, env: { PATH: '/nowhere' } }).toString();

    expect(said).toMatch(/^Missing on this machine:\n {2}wg +sets up WireGuard interfaces \(Debian package wireguard-tools\)$/m);
    expect(said).toMatch(/^Only root on Debian can install them: apt-get install .* Going on without\.$/m);
  });

  it('says nothing when nothing is missing', () => {
    const everything = SCRIPT.replace(/^const missing = .*$/m, 'const missing = [];');

    expect(everything).not.toBe(SCRIPT);
    expect(execFileSync(process.execPath, ['--input-type=module', '-'], { input: everything }).toString()).toBe('');
  });
});
