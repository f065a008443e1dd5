import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { callUnary } from '../../src/platform/rpc-client.js';
import { openLog } from '../../src/platform/winston-log.js';
import { startTestServer } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';

/** Every file below `dir`, as it is on the disk. */
function contentsOf(dir: string): Buffer {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Buffer.concat(files.map((entry) => readFileSync(join(entry.parentPath, entry.name))));
}

it('leaves no token, join string or private key in the log or the database, whatever happens to them', async () => {
  const [dir, logDir] = [tmpDir(), tmpDir()];
  const log = openLog({ program: 'nc-server', dir: logDir, debug: true });
  const server = await startTestServer({ dir, log });

  const used = await server.token({ label: 'used' });
  const member = await server.join(used);
  const spent = await server.join(used).catch((error: unknown) => error);
  const revoked = await server.token();
  const id = /^ncj1_([0-9a-f]{16})/.exec(revoked)?.[1] ?? '';
  await callUnary(server.admin, 'revokeToken', { id });
  const refused = await server.join(revoked).catch((error: unknown) => error);
  const misused = await callUnary(server.admin, 'getNode', { node: used, network: '' }).catch((error: unknown) => error);
  await callUnary(server.control(member), 'unRegister', { token: '' });
  await server.stop();
  await log.close();

  expect([spent, refused, misused].map((error) => (error as { code?: string }).code)).not.toContain('internal');
  const written = { log: contentsOf(logDir), database: contentsOf(join(dir, 'work', 'db')) };
  // It is the right log and the right database that are searched.
  expect(written.log.includes('token_revoked')).toBe(true);
  expect(written.database.includes(id)).toBe(true);
  const { wireGuard, grpc, network } = member.keys;
  const secrets = [used, revoked].map((text) => text.split('.')[1] ?? '').concat(member.nodeToken.split('.')[1] ?? '');
  const keys = [Buffer.from(wireGuard.privateKey), ...[grpc, network].map(({ privateKey }) => Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url'))];
  const forms = keys.flatMap((key) => [key, key.toString('base64'), key.toString('base64url'), key.toString('hex')]);
  for (const secret of [...secrets, ...forms]) {
    expect(secret.length).toBeGreaterThan(20);
    for (const bytes of Object.values(written)) expect(bytes.includes(secret)).toBe(false);
  }
});
