import Database from 'better-sqlite3';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CreateApiTokenRequest } from '../../../src/gen/networkcontroller/v1/admin.js';
import { callUnary } from '../../../src/platform/rpc-client.js';
import { expiryOf } from '../../../src/server/snapshots/record-expiry.js';
import { kindOf } from '../../../src/server/store/keys.js';
import { renewed, report } from '../../support/renewals.js';
import { startTestServer } from '../../support/server.js';

it('tells the end of every record that a server writes with one', async () => {
  const server = await startTestServer();
  const [stays, goes] = [await server.join(await server.token()), await server.join(await server.token())];
  await report(server, await renewed(server, stays));
  await callUnary(server.admin, 'unregisterNode', { node: goes.nodeId, network: '' });
  await callUnary(server.admin, 'createApiToken', CreateApiTokenRequest.fromPartial({ scopes: ['status:read'], label: 'x', lifetimeMs: 3_600_000 }));
  await server.token({ bindIp: '10.66.0.99' });

  const db = new Database(join(server.dir, 'work', 'db', 'nc.db'), { readonly: true });
  const rows = db.prepare<[], { key: string; value: Buffer; expire_at_ms: number | null }>('SELECT key, value, expire_at_ms FROM kv').all();
  db.close();

  for (const row of rows.filter(({ key }) => kindOf(key) !== 'lead')) expect(expiryOf(row), row.key).toBe(row.expire_at_ms ?? undefined);
  const ending = new Set(rows.filter(({ expire_at_ms }) => expire_at_ms !== null).map(({ key }) => kindOf(key)));
  for (const kind of ['certificate', 'address', 'apiToken', 'audit'] as const) expect(ending).toContain(kind);
});
