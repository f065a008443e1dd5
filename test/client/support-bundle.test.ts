import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { joinNode } from '../../src/client/join.js';
import { StateFolder } from '../../src/client/state/state-folder.js';
import { parseJoinString } from '../../src/domain/join-string.js';
import { silentLog } from '../../src/platform/log.js';
import { parseClientConfig } from '../../src/platform/config/client-config.js';
import { runAgent } from '../support/client-node.js';
import { startController } from '../support/controller.js';
import { ncClient } from '../support/nc-client.js';
import { tmpDir } from '../support/tmp-dir.js';

const PASSWORD = 'hunter2-in-metadata';

/** A node that has joined, whose log and configuration hold every secret that it has. */
async function nodeWithSecrets() {
  const controller = await startController();
  const dir = tmpDir();
  const path = join(dir, 'client.yml');
  const client = { name: 'web-1', device: 'recorded', stateDir: join(dir, 'state'), logDir: join(dir, 'log'), services: [{ name: 'db', port: 5432, metadata: { password: PASSWORD, zone: 'a' } }] };
  writeFileSync(path, JSON.stringify({ client }));
  const config = parseClientConfig(readFileSync(path, 'utf8'), path);
  const joinString = await controller.joinString();
  await joinNode(config, joinString);
  const { keys, nodeToken } = StateFolder.open(config.stateDir, silentLog).membership()!;
  const secrets = [joinString, parseJoinString(joinString).token.secret.reveal(), nodeToken, nodeToken.split('.')[1]!, PASSWORD, keys.wireguard, ...bodyOf(keys.grpc), ...bodyOf(keys.network)];
  mkdirSync(config.logDir, { recursive: true });
  const leaked = [joinString, nodeToken, keys.grpc, keys.network, keys.wireguard].map((secret) => JSON.stringify({ message: `leaked ${secret} here` }));
  writeFileSync(join(config.logDir, 'nc-client-log.log'), `${leaked.join('\n')}\n${JSON.stringify({ message: 'the last line' })}\n`);
  return { path, config, secrets, dir };
}

/** The lines of a PEM key that are the key. */
function bodyOf(pem: string): string[] {
  return pem.split('\n').filter((line) => line.length > 20 && !line.startsWith('-----'));
}

describe('nc-client support-bundle', () => {
  it('holds no secret of the node, with the agent up, and all that helps', async () => {
    const { path, config, secrets } = await nodeWithSecrets();
    const { agent } = await runAgent(config);
    await agent.ready;

    const { exitCode, stdout } = await ncClient(['-c', path, 'support-bundle']);

    expect(exitCode).toBe(0);
    for (const secret of secrets) expect(stdout).not.toContain(secret);
    const bundle = parse(stdout) as Record<string, never>;
    expect(Object.keys(bundle)).toEqual(['about', 'config', 'status', 'doctor', 'wireguard', 'addresses', 'routes', 'routes6', 'resolver', 'log']);
    expect(bundle).toMatchObject({
      about: { program: 'nc-client' },
      config: { name: 'web-1', services: [{ name: 'db', metadata: { password: '[redacted]', zone: 'a' } }] },
      status: { node: { name: 'web-1' } },
      doctor: expect.arrayContaining([expect.objectContaining({ check: 'controller', result: 'ok' })]),
    });
    expect(stdout).toContain('the last line');
  });

  it('is made with the agent down and before the join, and says what it could not have', async () => {
    const dir = tmpDir();
    const path = join(dir, 'client.yml');
    writeFileSync(path, JSON.stringify({ client: { device: 'recorded', stateDir: join(dir, 'state') } }));

    const { exitCode, stdout } = await ncClient(['-c', path, 'support-bundle']);

    expect(exitCode).toBe(0);
    expect(parse(stdout)).toMatchObject({ status: { unavailable: expect.stringContaining('has not joined') }, log: { unavailable: expect.stringContaining('ENOENT') } });
  });

  it('is written to a file that only its owner can read, and never over another', async () => {
    const { path, dir } = await nodeWithSecrets();
    const file = join(dir, 'support.yml');

    expect((await ncClient(['-c', path, 'support-bundle', file])).stdout).toContain('read it before you send it');
    const before = readFileSync(file, 'utf8');
    const again = await ncClient(['-c', path, 'support-bundle', file]);

    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect([again.exitCode, again.stderr]).toEqual([1, expect.stringContaining('conflict')]);
    expect(readFileSync(file, 'utf8')).toBe(before);
    expect((await ncClient(['-c', path, 'support-bundle', join(dir, 'no', 'such', 'file')])).exitCode).toBe(1);
  });
});
