import { expect, it } from 'vitest';
import { ADMIN, aMachine, startServices } from '../../support/services.js';

const code = (expected: string) => expect.objectContaining({ code: expected });

it('a revoked node’s keys may not come back, with no token', async () => {
  const { nodes, register, token } = await startServices();
  const machine = aMachine();
  const text = await token({ maxUses: 0 });
  const { node } = await register(text, machine);
  await nodes.remove(node.id, 'default', 'RevokeNode', ADMIN, 'stolen');

  await expect(register(text, machine)).rejects.toEqual(code('node_revoked'));
  await expect(register(await token(), { ...aMachine(), wgPublicKey: machine.wgPublicKey })).rejects.toEqual(code('node_revoked'));
});

it('an unregistered node’s key may be registered again', async () => {
  const { nodes, register, token } = await startServices();
  const machine = aMachine();
  const { node } = await register(await token(), machine);
  await nodes.remove(node.id, 'default', 'UnregisterNode', ADMIN);

  await expect(register(await token(), machine)).resolves.toBeDefined();
});

it('a revocation and the list that names it are one revision', async () => {
  const { nodes, register, token, repository } = await startServices();
  const { node } = await register(await token());

  const { rev } = await nodes.remove(node.id, 'default', 'RevokeNode', ADMIN);

  const list = repository.view.crl();
  expect(list?.modRev).toBe(rev);
  expect(list?.value.number).toBe(1);
  expect(list?.value.der.toString()).toContain(node.networkSerial);
});

it('the list’s number only grows, and the list is left alone while nothing is revoked', async () => {
  const { nodes, register, token, repository, revocations, clock } = await startServices();
  const text = await token({ maxUses: 0 });
  const [a, b] = [await register(text), await register(text)];
  await nodes.remove(a.node.id, 'default', 'RevokeNode', ADMIN);
  clock.advance(1_000);

  await revocations.refresh();
  expect(repository.view.crl()?.value.number).toBe(1);
  await nodes.remove(b.node.id, 'default', 'UnregisterNode', ADMIN);
  await revocations.refresh();
  expect(repository.view.crl()?.value.number).toBe(2);
  expect(repository.view.crl()?.value.der.toString()).toContain(b.node.networkSerial);
  clock.set(clock.now() + 25 * 3_600_000);
  await revocations.refresh();

  expect(repository.view.crl()?.value.number).toBe(3);
  expect(repository.view.crl()?.value.der.toString()).not.toContain(a.node.networkSerial);
});
