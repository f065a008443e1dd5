import { describe, expect, it } from 'vitest';
import { ADMIN, startServices } from '../../support/services.js';

const code = (expected: string) => expect.objectContaining({ code: expected });
const HOUR_MS = 3_600_000;

describe('a token is refused', () => {
  it.each([
    [{ network: 'lab' }, 'network_unknown'],
    [{ nodeName: 'Db 1' }, 'invalid_argument'],
    [{ labels: ['no label'] }, 'invalid_argument'],
    [{ bindIp: '10.66.0.9', maxUses: 2 }, 'invalid_argument'],
    [{ nodeName: 'db1', maxUses: 0 }, 'invalid_argument'],
    [{ bindIp: '10.66.0.1' }, 'invalid_argument'],
    [{ bindIp: '10.66.0.255' }, 'invalid_argument'],
    [{ bindIp: '10.99.0.9' }, 'invalid_argument'],
  ])('for %j, and nothing is written', async (wanted, refusal) => {
    const { token, repository } = await startServices();
    const before = repository.view.rev;

    await expect(token(wanted)).rejects.toEqual(code(refusal));

    expect(repository.view.rev).toBe(before);
  });

  it('for a name that a node has', async () => {
    const { token, register } = await startServices();
    await register(await token(), { nodeName: 'db1' });

    await expect(token({ nodeName: 'db1' })).rejects.toEqual(code('name_taken'));
  });

  it('for an address that a node or another token has', async () => {
    const { token, register } = await startServices();
    const { node } = await register(await token());
    await token({ bindIp: '10.66.0.9' });

    await expect(token({ bindIp: node.bindIp })).rejects.toEqual(code('address_taken'));
    await expect(token({ bindIp: '10.66.0.9' })).rejects.toEqual(code('address_taken'));
  });

  it('to all but one of many who want the same address at once', async () => {
    const { token } = await startServices();

    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => token({ bindIp: '10.66.0.9' })));

    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toEqual(code('address_taken'));
  });
});

describe('a bound token', () => {
  it('may take an address that rests', async () => {
    const { token, register, nodes } = await startServices();
    const { node } = await register(await token());
    await nodes.remove(node.id, 'default', 'UnregisterNode', ADMIN);

    const again = await register(await token({ bindIp: node.bindIp }));

    expect(again.node).toMatchObject({ bindIp: node.bindIp, staticAddress: true });
  });

  it('keeps its address from others until it is revoked', async () => {
    const { token, tokens, register } = await startServices({ cidr: '10.66.0.0/29' });
    const id = (await token({ bindIp: '10.66.0.2' })).slice(0, 16);
    const free = await token({ maxUses: 0 });
    expect((await register(free)).node.bindIp).toBe('10.66.0.3');

    await tokens.revoke(id, ADMIN);

    expect((await register(free)).node.bindIp).toBe('10.66.0.2');
  });

  it('that is revoked after its use leaves the node its address', async () => {
    const { token, tokens, register, repository } = await startServices();
    const text = await token({ bindIp: '10.66.0.9' });
    const { node } = await register(text);

    await tokens.revoke(text.slice(0, 16), ADMIN);

    expect(repository.view.address('default', '10.66.0.9')?.value.nodeId).toBe(node.id);
  });
});

describe('a revocation', () => {
  it('of an unknown token is refused', async () => {
    const { tokens } = await startServices();

    await expect(tokens.revoke('0'.repeat(16), ADMIN)).rejects.toEqual(code('token_unknown'));
    expect(() => tokens.get('0'.repeat(16))).toThrow(code('token_unknown'));
  });

  it('twice is once, at the time of the first', async () => {
    const { token, tokens, clock, repository } = await startServices();
    const id = (await token()).slice(0, 16);
    const first = await tokens.revoke(id, ADMIN);
    const before = repository.view.rev;
    clock.set(clock.now() + 1_000);

    expect(await tokens.revoke(id, ADMIN)).toEqual(first);

    expect(repository.view.rev).toBe(before);
  });
});

describe('a rotation', () => {
  it.each([-1, 7 * 24 * HOUR_MS + 1, Number.NaN])('with a grace of %d ms is refused', async (graceMs) => {
    const { token, tokens } = await startServices();
    const id = (await token()).slice(0, 16);

    await expect(tokens.rotate(id, graceMs, ADMIN)).rejects.toEqual(code('invalid_argument'));
  });

  it('of a revoked or an unknown token is refused', async () => {
    const { token, tokens } = await startServices();
    const id = (await token()).slice(0, 16);
    await tokens.revoke(id, ADMIN);

    await expect(tokens.rotate(id, 0, ADMIN)).rejects.toEqual(code('token_revoked'));
    await expect(tokens.rotate('0'.repeat(16), 0, ADMIN)).rejects.toEqual(code('token_unknown'));
  });

  it('ends the old secret after its grace, and the one before that at once', async () => {
    const { token, tokens, register, clock } = await startServices();
    const oldest = await token({ maxUses: 0, lifetimeMs: undefined });
    const id = oldest.slice(0, 16);
    const older = `${id}.${(await tokens.rotate(id, HOUR_MS, ADMIN)).secret}`;
    const newest = `${id}.${(await tokens.rotate(id, HOUR_MS, ADMIN)).secret}`;

    await expect(register(oldest)).rejects.toEqual(code('token_invalid'));
    await expect(register(older)).resolves.toBeDefined();
    clock.set(clock.now() + HOUR_MS);
    await expect(register(older)).rejects.toEqual(code('token_invalid'));
    await expect(register(newest)).resolves.toBeDefined();
  });

  it('does not lengthen the token’s life nor give back uses', async () => {
    const { token, tokens, register } = await startServices();
    const text = await token();
    await register(text);

    const { record, secret } = await tokens.rotate(text.slice(0, 16), 0, ADMIN);

    expect(record.expiresAtMs).toBe(tokens.get(record.id).expiresAtMs);
    await expect(register(`${record.id}.${secret}`)).rejects.toEqual(code('token_spent'));
  });
});

describe('the list of tokens', () => {
  it('has each token once over all its pages, in the order of their ids', async () => {
    const { token, tokens } = await startServices();
    const made = await Promise.all(Array.from({ length: 7 }, () => token()));

    const listed: string[] = [];
    let next = '';
    do {
      const page = tokens.list({}, next, 3);
      listed.push(...page.items.map(({ value }) => value.id));
      next = page.next;
    } while (next !== '');

    expect(listed).toEqual(made.map((text) => text.slice(0, 16)).sort());
  });

  it('refuses a page token that is none', async () => {
    const { tokens } = await startServices();

    expect(() => tokens.list({}, 'nonsense!', 3)).toThrow(code('invalid_argument'));
  });

  it('says of each token what it is worth', async () => {
    const { token, tokens, register, clock } = await startServices();
    const [usable, spent, revoked, expired] = [await token({ lifetimeMs: undefined }), await token(), await token(), await token({ lifetimeMs: 1_000 })];
    await register(spent);
    await tokens.revoke(revoked.slice(0, 16), ADMIN);
    clock.set(clock.now() + 1_000);

    expect([usable, spent, revoked, expired].map((text) => tokens.usageOf(tokens.get(text.slice(0, 16))))).toEqual([
      { used: 0, state: 'usable' },
      { used: 1, state: 'spent' },
      { used: 0, state: 'revoked' },
      { used: 0, state: 'expired' },
    ]);
  });
});
