import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { put, startTestDns } from '../../support/dns.js';
import { tmpDir } from '../../support/tmp-dir.js';

const run = promisify(execFile);

// The system's resolver asks port 53 of the servers in /etc/resolv.conf: a mount namespace gives it its own file, a loopback address
// that nobody uses gives us the port. Both want root.
const mayRun = process.getuid?.() === 0;
if (!mayRun) console.log('skipped: the system resolver against our server; run as root to see it');

describe.runIf(mayRun)('the system\'s resolver', () => {
  const host = '127.66.0.53';

  async function getent(...args: string[]): Promise<string> {
    const file = join(tmpDir(), 'resolv.conf');
    writeFileSync(file, `search default.nc.internal\nnameserver ${host}\noptions timeout:2 attempts:1\n`);
    const command = `mount --bind ${file} /etc/resolv.conf && exec getent "$@"`;
    const { stdout } = await run('unshare', ['-m', 'sh', '-c', command, 'sh', ...args]).catch((error: { stdout: string }) => error);
    return stdout;
  }

  it('finds nodes by full and short name, services with all addresses, and the way back', async () => {
    await startTestDns({ listen: [{ host, port: 53 }], changes: [put.node(), put.service(), put.service({ id: 'i2', address: '10.66.0.9' })] });

    expect(await getent('ahostsv4', 'web-1.default.nc.internal')).toMatch(/^10\.66\.0\.5 /);
    expect(await getent('ahostsv6', 'web-1')).toMatch(/^fd00:66::5 /);
    expect(new Set((await getent('ahostsv4', 'shop.svc.nc.internal')).match(/^[\d.]+/gm))).toEqual(new Set(['10.66.0.5', '10.66.0.9']));
    expect(await getent('hosts', '10.66.0.5')).toMatch(/web-1\.default\.nc\.internal/);
  });

  it('finds nothing where nothing is', async () => {
    await startTestDns({ listen: [{ host, port: 53 }] });

    expect(await getent('ahosts', 'nobody.default.nc.internal')).toBe('');
  });
});
