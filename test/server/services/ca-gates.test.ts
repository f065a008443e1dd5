import { expect, it } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { CaGates } from '../../../src/server/services/ca-gates.js';
import { NodeBundles } from '../../../src/server/services/node-bundles.js';
import { keys } from '../../../src/server/store/keys.js';
import { TrustBundle } from '../../../src/gen/networkcontroller/v1/types.js';
import { BundleRecord, PresenceRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { startServices } from '../../support/services.js';

const DAY_MS = 86_400_000;

/** A cluster whose second trust bundle no node has heard of yet. */
async function start() {
  const services = await startServices();
  const { repository, presence, tokens, clock, token, register } = services;
  const bundle = Buffer.from(TrustBundle.encode(TrustBundle.fromPartial({ version: 2 })).finish());
  await repository.update(() => ({ if: [], then: [{ put: keys.bundle(2), value: BundleRecord.encode({ version: 2, bundle, createdAtMs: 0 }).finish() }], result: undefined }));
  const bundles = new NodeBundles({ repository, log: silentLog });
  const gates = new CaGates({ bundles, presence, tokens });
  const text = await token({ maxUses: 0, lifetimeMs: undefined });
  const join = async (nodeName: string): Promise<string> => (await register(text, { nodeName })).node.id;
  const status = () => {
    const { nodesSeen, behind } = gates.status(repository.view, clock.now());
    return { nodesSeen, behind };
  };
  return { ...services, bundles, join, status };
}

it('waits for no node that was never seen', async () => {
  const { join, status } = await start();
  await join('web');

  expect(status()).toEqual({ nodesSeen: 0, behind: [] });
});

it('waits for a node that is here, before that is written', async () => {
  const { join, status, presence } = await start();
  presence.streamOpened(await join('web'), 'default', '0.1.0');

  expect(status()).toEqual({ nodesSeen: 1, behind: ['web'] });
});

it.each([
  [6, ['web']],
  [8, []],
] as const)('of a node that was seen %i days ago by another process says %j', async (days, behind) => {
  const { join, status, repository, clock } = await start();
  const nodeId = await join('web');
  const record = PresenceRecord.fromPartial({ nodeId, state: -1, lastSeenMs: clock.now() - days * DAY_MS });
  await repository.update(() => ({ if: [], then: [{ put: keys.presence('default', nodeId), value: PresenceRecord.encode(record).finish() }], result: undefined }));

  expect(status()).toEqual({ nodesSeen: behind.length, behind });
});

it('does not wait for a node that knows the bundle, nor for one that is gone', async () => {
  const { join, status, presence, bundles, nodes } = await start();
  const [knows, gone] = [await join('web'), await join('db')];
  for (const id of [knows, gone]) presence.streamOpened(id, 'default', '0.1.0');
  await presence.flush();
  await bundles.note(knows, 'default', 2);
  await nodes.remove(gone, 'default', 'UnregisterNode', { kind: 'local', address: 'test' });

  expect(status()).toEqual({ nodesSeen: 1, behind: [] });
});
