import { expect, it } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { NodeBundles } from '../../../src/server/services/node-bundles.js';
import { ADMIN, startServices } from '../../support/services.js';

async function startBundles() {
  const services = await startServices();
  const warnings: string[] = [];
  const bundles = new NodeBundles({ repository: services.repository, log: { ...silentLog, warn: (message) => warnings.push(message) } });
  const { node } = await services.register(await services.token());
  return { ...services, bundles, node, warnings };
}

it('takes nothing from a node that is not registered', async () => {
  const { bundles, warnings } = await startBundles();

  await bundles.note('nobody', 'default', 2);

  expect([...bundles.all()]).toEqual([]);
  expect(warnings).toEqual([]);
});

it('keeps the word of a node out of a network that is not its own', async () => {
  const { bundles, node, warnings } = await startBundles();

  await bundles.note(node.id, 'elsewhere', 2);

  expect([...bundles.all()]).toEqual([]);
  expect(warnings).toEqual(['trust bundle of a node not noted, its next report will']);
});

it('writes another version, and nothing when a node repeats itself', async () => {
  const { bundles, node, repository } = await startBundles();
  await bundles.note(node.id, 'default', 2);
  const noted = repository.view.nodeBundle('default', node.id)!.modRev;

  await bundles.note(node.id, 'default', 2);
  expect(repository.view.nodeBundle('default', node.id)!.modRev).toBe(noted);
  await bundles.note(node.id, 'default', 3);

  expect([...bundles.all()]).toEqual([[node.id, 3]]);
});

it('forgets the word of a node that is removed, and takes no late one', async () => {
  const { bundles, node, nodes } = await startBundles();
  await bundles.note(node.id, 'default', 2);
  await nodes.remove(node.id, 'default', 'UnregisterNode', ADMIN);

  await bundles.note(node.id, 'default', 3);

  expect([...bundles.all()]).toEqual([]);
});

it('knows what was said before the controller started again', async () => {
  const { bundles, node, repository } = await startBundles();
  await bundles.note(node.id, 'default', 2);

  expect([...new NodeBundles({ repository, log: silentLog }).all()]).toEqual([[node.id, 2]]);
});
