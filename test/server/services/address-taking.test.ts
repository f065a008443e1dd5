import { describe, expect, it } from 'vitest';
import { TokenRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { AddressTaking } from '../../../src/server/services/address-taking.js';
import { SetAside } from '../../../src/server/services/set-aside.js';
import { startServices } from '../../support/services.js';

const code = (expected: string) => expect.objectContaining({ code: expected });

/** A network with room for one node, and that node. */
async function start() {
  const services = await startServices({ cidr: '10.66.0.0/30' });
  const { pools, presence, repository, clock } = services;
  const text = await services.token({ maxUses: 0 });
  const { node } = await services.register(text);
  presence.streamOpened(node.id, 'default', '1');
  presence.streamClosed(node.id);
  clock.advance(5_000);
  await presence.flush();
  const taking = new AddressTaking({ pools, presence });
  const take = (aside: SetAside, wanted: Partial<TokenRecord> = {}) => taking.take(repository.view, TokenRecord.fromPartial({ id: 't', network: 'default', ...wanted }), aside, clock.now());
  return { ...services, node, text, take };
}

describe('an address in a full network', () => {
  it('is refused to the second of two decisions under way: one node can lose its address once', async () => {
    const { take } = await start();
    const first = new SetAside();
    expect(take(first).claim.bindIp).toBe('10.66.0.2');

    expect(() => take(new SetAside())).toThrow(code('pool_exhausted'));

    first.release();
    expect(take(new SetAside()).claim.bindIp).toBe('10.66.0.2');
  });

  it('of a node that came back a moment ago is not taken, though the store still calls it idle', async () => {
    const { take, presence, node } = await start();
    presence.streamOpened(node.id, 'default', '1');

    expect(() => take(new SetAside())).toThrow(code('pool_exhausted'));
  });

  it('is not taken when its node comes back before the transaction', async () => {
    const { take, store, presence, node, repository } = await start();
    const decision = take(new SetAside());
    presence.streamOpened(node.id, 'default', '1');
    await presence.flush();

    expect(await store.txn({ if: decision.if, then: decision.then })).toMatchObject({ ok: false });

    expect(repository.view.nodeById(node.id)).toBeDefined();
  });

  it('that a token is bound to is not another node’s to lose', async () => {
    const { take, node } = await start();

    expect(() => take(new SetAside(), { bindIp: node.bindIp })).toThrow(code('address_taken'));
  });

  it('goes to one of two newcomers at once; the other takes it from nobody who is there', async () => {
    const { register, text, repository, node } = await start();

    await Promise.allSettled([register(text), register(text)]);

    const members = [...repository.view.nodesOf('default')].map(({ value }) => value);
    expect(members).toHaveLength(1);
    expect(members[0]).toMatchObject({ bindIp: node.bindIp });
    expect(members[0]?.id).not.toBe(node.id);
  });
});
