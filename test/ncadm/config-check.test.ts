import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tmpDir } from '../support/tmp-dir.js';
import { ncadm } from './support.js';

describe('ncadm config check', () => {
  it.each([
    ['an unknown key', 'server:\n  grpcPotr: 6440\n', ':2: server.grpcPotr: unknown key, did you mean "grpcPort"?'],
    ['a value out of range', 'mode: client\nclient:\n  listenPort: 70000\n', ':3: client.listenPort: want '],
    ['a key of the other program', 'mode: client\nclient:\n  grpcPort: 6440\n', ':3: client.grpcPort: unknown key'],
    ['no YAML', 'server: [', ':1: '],
  ])('refuses %s and names the line', async (_what, text, sentence) => {
    const file = join(tmpDir(), 'some.yml');
    writeFileSync(file, text);

    const { exitCode, stdout, stderr } = await ncadm(['config', 'check', file]);

    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`ncadm: config_invalid: ${file}${sentence}`);
  });

  it('refuses a file that is not there', async () => {
    const { exitCode, stderr } = await ncadm(['config', 'check', '/nowhere/server.yml']);

    expect(exitCode).toBe(2);
    expect(stderr).toContain('/nowhere/server.yml: cannot be read');
  });

  it.each([
    ['server.yml', 'nc-server'],
    ['client.yml', 'nc-client'],
  ])('finds nothing wrong with the %s that comes with the package', async (file, program) => {
    const { exitCode, stdout } = await ncadm(['config', 'check', file, '-o', 'json']);

    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ file, program, valid: true });
  });
});
