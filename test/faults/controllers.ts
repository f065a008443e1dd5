import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { EtcdCluster } from '../support/etcd.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';

const SECRETS = ['pki', 'wireguard.key'];

/**
 * Starts a server in this process on `cluster`; stopped when the test is over.
 *
 * @param endpoints Where it finds the members; their own places when left out.
 * @param secrets A folder for what all servers of a cluster share: the first one that starts with it fills it, the others take from it.
 */
export async function aController({ tls: { ca, cert, key }, endpoints: own }: EtcdCluster, { endpoints = own, secrets = tmpDir() }: { endpoints?: readonly string[]; secrets?: string } = {}): Promise<TestServer> {
  const dir = tmpDir();
  const isFirst = readdirSync(secrets).length === 0;
  mkdirSync(join(dir, 'work'), { mode: 0o700 });
  if (!isFirst) copySecrets(secrets, join(dir, 'work'));
  const store = `store: { engine: etcd, endpoints: [${endpoints.map((url) => `"${url}"`).join(', ')}], ca: ${ca}, cert: ${cert}, key: ${key}, allowOldVersion: true, requestTimeout: 2s }`;
  const server = await startTestServer({ dir, settings: [store] });
  if (isFirst) copySecrets(join(dir, 'work'), secrets);
  return server;
}

function copySecrets(from: string, to: string): void {
  for (const secret of SECRETS) cpSync(join(from, secret), join(to, secret), { recursive: true });
}
