import { expect, it } from 'vitest';
import { forgetRemoved } from '../../../src/server/services/forget-removed.js';
import { ADMIN, startServices } from '../../support/services.js';

async function start(cidr?: string) {
  const services = await startServices(cidr === undefined ? {} : { cidr });
  const forgotten: string[] = [];
  forgetRemoved(services.repository, [services.presence, { forget: (nodeId) => void forgotten.push(nodeId) }]);
  return { ...services, forgotten };
}

it('forgets a node that an admin unregistered, and nobody else', async () => {
  const { nodes, register, token, forgotten } = await start();
  const text = await token({ maxUses: 0 });
  const [gone] = [await register(text), await register(text)];

  await nodes.remove(gone.node.id, 'default', 'UnregisterNode', ADMIN);

  expect(forgotten).toEqual([gone.node.id]);
});

it('forgets a node that lost its address to a newcomer', async () => {
  const { register, token, presence, clock, forgotten } = await start('10.66.0.0/30');
  const text = await token({ maxUses: 0 });
  const { node } = await register(text);
  presence.streamOpened(node.id, 'default', '1');
  presence.streamClosed(node.id);
  clock.advance(5_000);
  await presence.flush();

  await register(text);

  expect(forgotten).toEqual([node.id]);
  expect(presence.of(node.id)).toBeUndefined();
});

it('does not forget a node that is renamed', async () => {
  const { nodes, register, token, forgotten } = await start();
  const { node } = await register(await token());

  await nodes.rename(node.id, 'default', 'other', ADMIN);

  expect(forgotten).toEqual([]);
});
