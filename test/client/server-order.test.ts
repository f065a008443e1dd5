import { describe, expect, it } from 'vitest';
import { KnownServers } from '../../src/client/known-servers.js';
import { serverOrder } from '../../src/client/server-order.js';
import { Server } from '../../src/gen/networkcontroller/v1/node.js';

const server = (name: string, change: Partial<Server> = {}): Server => Server.fromPartial({ name, control: [`${name}:6440`], ...change });

/** Draws that differ and come again. */
function draws(): () => number {
  let n = 0;
  return () => ((n = (n * 7919 + 104_729) % 1_000_003), n / 1_000_003);
}

describe('of the servers a node tries', () => {
  it('those of its own data centre first and those that are about to stop last, whatever chance says', () => {
    const servers = [server('away', { dataCentre: 'dc2' }), server('leaves', { dataCentre: 'dc1', draining: true }), server('near', { dataCentre: 'dc1', agents: 900 })];
    const random = draws();

    for (let n = 0; n < 200; n++) expect(serverOrder(servers, 'dc1', random)).toEqual(['near:6440', 'away:6440', 'leaves:6440']);
  });

  it('one that stops, when there is no other', () => {
    expect(serverOrder([server('last', { draining: true })], 'dc1', Math.random)).toEqual(['last:6440']);
  });

  it('each first now and then, and one with many nodes less often', () => {
    const servers = [server('busy', { agents: 299 }), server('idle', { agents: 99 })];
    const random = draws();
    const firsts = Array.from({ length: 1_000 }, () => serverOrder(servers, '', random)[0]);
    const busy = firsts.filter((first) => first === 'busy:6440').length;

    expect(busy).toBeGreaterThan(100);
    expect(busy).toBeLessThan(400);
  });

  it('all endpoints of one before those of the next', () => {
    const servers = [server('one', { control: ['a:1', 'b:1'] }), server('two', { dataCentre: 'x', control: ['c:1'] })];

    expect(serverOrder(servers, 'x', Math.random)).toEqual(['c:1', 'a:1', 'b:1']);
  });
});

describe('the order of servers', () => {
  it('stays while only their load changes, and is drawn again when one comes or drains', () => {
    let drawn = 0;
    const known = new KnownServers('', () => (drawn++, 0.5));
    const both = [server('one'), server('two')];
    known.take(both);
    const first = known.control;

    known.take([server('two', { agents: 7, isSelf: true }), server('one', { agents: 9 })]);
    expect([known.control, drawn]).toEqual([first, 2]);
    known.take([server('one', { draining: true }), server('two')]);

    expect(known.control).toEqual(['two:6440', 'one:6440']);
  });
});
