import { describe, expect, it } from 'vitest';
import { ADMIN, aMachine, QUARANTINE_MS, startServices, STRANGER } from '../../support/services.js';

const code = (expected: string) => expect.objectContaining({ code: expected });

describe('a bootstrap token', () => {
  it.each(['', 'x', '0000000000000000.AAAAAAAAAAAAAAAAAAAAAA', `${'0'.repeat(16)}.${'A'.repeat(21)}`])('that is %j is refused and tells nothing', async (text) => {
    const { register } = await startServices();

    await expect(register(text)).rejects.toEqual(code('token_invalid'));
  });

  it('with a wrong secret is refused in the words of an unknown one', async () => {
    const { register, token } = await startServices();
    const id = (await token()).split('.')[0]!;

    const wrong = await register(`${id}.${'A'.repeat(22)}`).catch((error: Error) => error.message);
    const unknown = await register(`${'0'.repeat(16)}.${'A'.repeat(22)}`).catch((error: Error) => error.message);

    expect(wrong).toBe(unknown);
  });

  it('that has expired is refused at use, although nobody has swept it', async () => {
    const { register, token, clock, repository } = await startServices();
    const text = await token({ lifetimeMs: 600_000 });
    clock.advance(600_000);

    await expect(register(text)).rejects.toEqual(code('token_expired'));

    expect(repository.view.token(text.slice(0, 16))).toBeDefined();
    expect(repository.view.nodeCounts().total).toBe(0);
  });

  it('that was revoked is refused', async () => {
    const { register, token, tokens } = await startServices();
    const text = await token();
    await tokens.revoke(text.slice(0, 16), ADMIN);

    await expect(register(text)).rejects.toEqual(code('token_revoked'));
  });

  it('for other networks of origin is refused, and not spent', async () => {
    const { register, token, tokens } = await startServices();
    const text = await token({ fromCidrs: ['203.0.113.0/24', '2001:db8::/32'] });

    await expect(register(text)).rejects.toEqual(code('permission_denied'));

    expect(tokens.usageOf(tokens.get(text.slice(0, 16)))).toEqual({ used: 0, state: 'usable' });
  });

  it('of one use makes one node of twenty racers', async () => {
    const { register, token, repository } = await startServices();
    const text = await token();

    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => register(text)));

    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toEqual(code('token_spent'));
    expect(repository.view.nodeCounts().total).toBe(1);
  });

  it('of five uses makes five nodes of twenty racers', async () => {
    const { register, token, tokens } = await startServices();
    const text = await token({ maxUses: 5 });

    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => register(text)));

    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(5);
    expect(tokens.usageOf(tokens.get(text.slice(0, 16)))).toEqual({ used: 5, state: 'spent' });
  });
});

describe('a lost reply', () => {
  it('costs nothing: the same keys get the same node again, and no second use', async () => {
    const { register, token, tokens } = await startServices();
    const text = await token();
    const machine = aMachine();
    const first = await register(text, machine);

    const second = await register(text, machine);

    expect([second.node.id, second.node.bindIp, second.node.name]).toEqual([first.node.id, first.node.bindIp, first.node.name]);
    expect(second.nodeToken).not.toBe(first.nodeToken);
    expect(tokens.usageOf(tokens.get(text.slice(0, 16))).used).toBe(1);
  });

  it('does not let another machine in', async () => {
    const { register, token } = await startServices();
    const text = await token();
    const machine = aMachine();
    await register(text, machine);

    await expect(register(text, { ...aMachine(), wgPublicKey: machine.wgPublicKey })).rejects.toEqual(code('token_spent'));
  });

  it('does not bring back a node that was unregistered since', async () => {
    const { register, token, nodes } = await startServices();
    const text = await token();
    const machine = aMachine();
    const { node } = await register(text, machine);
    await nodes.remove(node.id, 'default', 'UnregisterNode', ADMIN);

    await expect(register(text, machine)).rejects.toEqual(code('node_revoked'));
  });
});

describe('what is taken', () => {
  it('a name asked for by two is refused to the second, whose token stays unspent', async () => {
    const { register, token, tokens } = await startServices();
    await register(await token(), { nodeName: 'db1' });
    const text = await token();

    await expect(register(text, { nodeName: 'db1' })).rejects.toEqual(code('name_taken'));

    expect(tokens.usageOf(tokens.get(text.slice(0, 16))).used).toBe(0);
    await expect(register(text, { nodeName: 'db2' })).resolves.toMatchObject({ node: { name: 'db2' } });
  });

  it('machines of one hostname get variants of it', async () => {
    const { register, token } = await startServices();
    const text = await token({ maxUses: 0 });

    const made = await Promise.all(Array.from({ length: 4 }, () => register(text, { hostname: 'Web.example.org' })));

    expect(made.map(({ node }) => node.name).sort()).toEqual(['web', 'web-2', 'web-3', 'web-4']);
  });

  it('a WireGuard key is one node’s', async () => {
    const { register, token } = await startServices();
    const text = await token({ maxUses: 0 });
    const { wgPublicKey } = aMachine();
    await register(text, { wgPublicKey });

    await expect(register(text, { wgPublicKey })).rejects.toEqual(code('wireguard_key_taken'));
  });

  it('an address that a token keeps is nobody else’s, not even before it is used', async () => {
    const { register, token, tokens } = await startServices();
    const text = await token({ bindIp: '10.66.0.2' });

    await expect(token({ bindIp: '10.66.0.2' })).rejects.toEqual(code('address_taken'));
    const other = await register(await token());
    const bound = await register(text);

    expect([other.node.bindIp, bound.node.bindIp]).toEqual(['10.66.0.3', '10.66.0.2']);
    expect(bound.node.staticAddress).toBe(true);
    expect(tokens.usageOf(tokens.get(text.slice(0, 16))).state).toBe('spent');
  });

  it.each(['10.66.0.0', '10.66.0.1', '10.66.0.255', '10.67.0.2', 'ten'])('no token is bound to %s', async (bindIp) => {
    const { token } = await startServices();

    await expect(token({ bindIp })).rejects.toEqual(code('invalid_argument'));
  });
});

describe('an address', () => {
  it('is the lowest free one, and one of each family', async () => {
    const { register, token } = await startServices({ cidr6: 'fd00:66::/64' });
    const text = await token({ maxUses: 0 });

    const made = [await register(text), await register(text)];

    expect(made.map(({ node }) => [node.bindIp, node.bindIp6])).toEqual([
      ['10.66.0.2', 'fd00:66::2'],
      ['10.66.0.3', 'fd00:66::3'],
    ]);
  });

  it('rests after its node is unregistered, then comes round again', async () => {
    const { register, token, nodes, clock, repository } = await startServices();
    const text = await token({ maxUses: 0, lifetimeMs: undefined });
    const { node } = await register(text);
    await nodes.remove(node.id, 'default', 'UnregisterNode', ADMIN);

    expect((await register(text)).node.bindIp).toBe('10.66.0.3');
    const expired = new Promise<void>((resolve) => repository.onApplied(() => repository.view.address('default', '10.66.0.2') === undefined && resolve()));
    clock.advance(QUARANTINE_MS + 2_000);
    await expired;

    expect((await register(text)).node.bindIp).toBe('10.66.0.2');
  });

  it('that rests is given out before a node loses its own', async () => {
    const { register, token, nodes } = await startServices({ cidr: '10.66.0.0/29' });
    const text = await token({ maxUses: 0 });
    const made = await Promise.all(Array.from({ length: 5 }, () => register(text)));
    await nodes.remove(made[3]!.node.id, 'default', 'UnregisterNode', ADMIN);

    const next = await register(text);

    expect(next.node.bindIp).toBe(made[3]!.node.bindIp);
  });
});

describe('a full network', () => {
  it('takes the address of the node idle longest, whose membership ends', async () => {
    const { register, token, clock, repository } = await startServices({ cidr: '10.66.0.0/29' });
    const text = await token({ maxUses: 0 });
    const made = [];
    for (let i = 0; i < 5; i++) {
      made.push(await register(text));
      clock.advance(1_000);
    }

    const next = await register(text);

    expect(next.node.bindIp).toBe(made[0]!.node.bindIp);
    expect(repository.view.nodeById(made[0]!.node.id)).toBeUndefined();
    expect(repository.view.nodeCounts().total).toBe(5);
  });

  it('never takes the address of a connected node, nor a static one', async () => {
    const { register, token, presence, repository } = await startServices({ cidr: '10.66.0.0/29' });
    await register(await token({ bindIp: '10.66.0.2' }));
    const text = await token({ maxUses: 0 });
    const connected = [];
    for (let i = 0; i < 4; i++) {
      const { node } = await register(text);
      presence.streamOpened(node.id, 'default', 'test');
      connected.push(node.id);
    }
    const last = await token();

    await expect(register(last)).rejects.toEqual(code('pool_exhausted'));

    expect(connected.every((id) => repository.view.nodeById(id) !== undefined)).toBe(true);
    expect(repository.view.tokenUses(last.slice(0, 16))).toBe(0);
  });

  it('serves racers without ever giving one address twice', async () => {
    const { register, token, repository, clock } = await startServices({ cidr: '10.66.0.0/26' });
    const text = await token({ maxUses: 0 });

    for (let round = 0; round < 4; round++) {
      await Promise.all(Array.from({ length: 40 }, () => register(text)));
      clock.advance(1_000);
      const held = [...repository.view.nodesOf('default')].map(({ value }) => value.bindIp);
      expect(new Set(held).size).toBe(held.length);
      expect(held.length).toBe(Math.min(61, 40 * (round + 1)));
    }
  });

  it('of 300 machines in a /24 reclaims only idle ones from the 254th on', async () => {
    const { register, token, presence, repository, clock } = await startServices();
    const text = await token({ maxUses: 0 });
    const here = new Set<string>();
    for (let i = 0; i < 300; i++) {
      const { node } = await register(text);
      if (i % 3 === 0) {
        presence.streamOpened(node.id, 'default', 'test');
        here.add(node.id);
      }
      clock.advance(10);
    }

    expect(repository.view.nodeCounts().total).toBe(253);
    for (const id of here) expect(repository.view.nodeById(id)).toBeDefined();
  });
});

it('writes who registered with what into the audit log, and no secret', async () => {
  const { register, token, repository } = await startServices();
  const text = await token();
  const { node, nodeToken } = await register(text);

  const [entry] = repository.view.pageAudit({ object: `node/${node.id}` }, '', 10).items;

  expect(entry?.value).toMatchObject({ actor: 'anonymous', peerAddress: STRANGER.address, method: 'Register', result: 'ok' });
  const all = JSON.stringify(repository.view.pageAudit({}, '', 100).items.map((item) => item.value));
  for (const secret of [text.split('.')[1]!, nodeToken.split('.')[1]!]) expect(all).not.toContain(secret);
});
