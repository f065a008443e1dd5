import { expect, it } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { exportAudit } from '../../../src/server/services/audit-export.js';
import { RefusalAudit } from '../../../src/server/services/refusal-audit.js';
import { ADMIN, startServices } from '../../support/services.js';
import { until } from '../../support/until.js';

it('copies changes and refusals as they stand in the store, and nothing else', async () => {
  const { repository, token, nodes, register, store, clock } = await startServices();
  const lines: object[] = [];
  exportAudit(repository, { write: (line) => lines.push(line) });
  const refusals = new RefusalAudit({ store, clock, log: silentLog });

  const { node } = await register(await token());
  await nodes.remove(node.id, 'default', 'RevokeNode', ADMIN, 'stolen');
  refusals.note({ actor: 'anonymous', peerAddress: '198.51.100.7', method: 'Register', result: 'token_invalid', reason: 'no' });
  await until(() => lines.length === 4);
  await refusals.stop();

  const stored = repository.view.pageAudit({}, '', 100).items.map(({ key, value: { atMs, ...rest } }) => ({ id: key.slice(key.lastIndexOf('/') + 1), at: new Date(atMs).toISOString(), ...rest }));
  expect(lines).toEqual(expect.arrayContaining(stored));
  expect(lines).toHaveLength(stored.length);
  expect(lines).toContainEqual(expect.objectContaining({ method: 'RevokeNode', object: `node/${node.id}`, reason: 'stolen', result: 'ok' }));
});

it('holds no secret that was given where a name is wanted', async () => {
  const { repository, store, clock } = await startServices();
  const lines: object[] = [];
  exportAudit(repository, { write: (line) => lines.push(line) });
  const refusals = new RefusalAudit({ store, clock, log: silentLog });
  const join = `ncj1_0123456789abcdef.${'S3cret'.repeat(3)}S3cr.${'p'.repeat(43)}@ctl.example:6439`;

  refusals.note({ actor: 'local', peerAddress: '', method: 'GetNode', result: 'node_unknown', reason: `node: got "${join}"` });
  await until(() => lines.length === 1);
  await refusals.stop();

  expect(JSON.stringify(lines)).not.toContain('S3cret');
});

it('ends when it is told to', async () => {
  const { repository, token } = await startServices();
  const lines: object[] = [];

  exportAudit(repository, { write: (line) => lines.push(line) })();
  await token();

  expect(lines).toEqual([]);
});
