import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseJoinString } from '../../src/domain/join-string.js';
import { startTestServer } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';
import { ncadm } from './support.js';

describe('ncadm support-bundle', () => {
  it('holds no secret of the controller, its tokens and its nodes, and all that helps', async () => {
    const server = await startTestServer({ settings: ['metrics: { listen: "127.0.0.1:0" }'] });
    const joinStrings = [await server.token({ label: 'rack' }), await server.token()];
    const member = await server.join(joinStrings[1]!, { nodeName: 'web-1' });
    const config = join(server.dir, 'server.yml');
    const log = [...joinStrings, member.nodeToken, ...keyFiles(server.dir)].map((secret) => JSON.stringify({ message: `leaked ${secret} here` }));
    writeFileSync(config, `server:\n  workDir: work\n  logDir: .\n  metrics: { listen: "127.0.0.1:${server.ports.metrics}" }\n`);
    writeFileSync(join(server.dir, 'nc-server-log.log'), `${log.join('\n')}\nthe last line\n`);

    const { exitCode, stdout } = await ncadm(['--socket', server.adminSocket, 'support-bundle', '--config', config]);

    expect(exitCode).toBe(0);
    const secrets = [...joinStrings, ...joinStrings.map((text) => parseJoinString(text).token.secret.reveal()), member.nodeToken, member.nodeToken.split('.')[1]!];
    const bodies = keyFiles(server.dir).flatMap((pem) => pem.split('\n').filter((line) => line.length > 20 && !line.startsWith('-----')));
    expect(bodies.length).toBeGreaterThan(2);
    for (const secret of [...secrets, ...bodies]) expect(stdout).not.toContain(secret);
    expect(parse(stdout)).toMatchObject({
      about: { program: 'ncadm' },
      status: { nodes: expect.arrayContaining([expect.objectContaining({ name: 'web-1' })]) },
      tokens: expect.arrayContaining([expect.objectContaining({ label: 'rack' })]),
      audit: expect.arrayContaining([expect.objectContaining({ method: 'CreateToken' })]),
      config: { limits: { handshakes: 10_000 } },
      metrics: expect.arrayContaining([expect.stringMatching(/^nc_build_info/)]),
      log: expect.arrayContaining(['the last line']),
    });
  });

  it('is made when nobody answers, and says so', async () => {
    const { exitCode, stdout } = await ncadm(['--socket', join(tmpDir(), 'nobody.sock'), 'support-bundle']);

    expect(exitCode).toBe(0);
    expect(parse(stdout)).toMatchObject({ status: { unavailable: expect.stringContaining('nobody answers') }, tokens: { unavailable: expect.any(String) } });
  });

  it('is written to a file that only its owner can read', async () => {
    const file = join(tmpDir(), 'support.yml');

    const { stdout } = await ncadm(['--socket', join(tmpDir(), 'nobody.sock'), 'support-bundle', file]);

    expect(stdout).toContain('read it before you send it');
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});

/** Every private key that the server keeps. */
function keyFiles(dir: string): string[] {
  const files = readdirSync(join(dir, 'work'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.key'));
  return files.map((name) => readFileSync(join(dir, 'work', name), 'utf8').trim());
}
