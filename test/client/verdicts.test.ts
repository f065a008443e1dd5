import { beforeEach, describe, expect, it } from 'vitest';
import { Verdicts } from '../../src/client/verdicts.js';
import { Peer } from '../../src/gen/networkcontroller/v1/types.js';

let verdicts: Verdicts;
beforeEach(() => (verdicts = new Verdicts()));

describe('a peer is not believed', () => {
  it('of which nothing is known', () => {
    expect(verdicts.believed.get('a')).toBeUndefined();
    expect(verdicts.of('a')).toBeUndefined();
  });

  it('when it is refused, after it was believed too', () => {
    verdicts.take(aPeer('a', ['10.1.0.0/16']), { untilMs: 5 });

    verdicts.take(aPeer('a'), { reason: 'forged' });

    expect(shown()).toEqual({ believed: [], routers: [], refused: ['a: forged'] });
    expect(verdicts.nextEndMs).toBe(Infinity);
  });

  it('when it is gone', () => {
    verdicts.take(aPeer('a', ['10.1.0.0/16']), { untilMs: 5 });
    verdicts.take(aPeer('b'), { reason: 'forged' });

    verdicts.forget('a');
    verdicts.forget('b');

    expect(shown()).toEqual({ believed: [], routers: [], refused: [] });
    expect(verdicts.size).toBe(0);
  });

  it('when what all verdicts rest on has changed', () => {
    verdicts.take(aPeer('a', ['10.1.0.0/16']), { untilMs: 5 });

    verdicts.clear();

    expect(shown()).toEqual({ believed: [], routers: [], refused: [] });
    expect(verdicts.nextEndMs).toBe(Infinity);
  });
});

describe('a believed peer', () => {
  it('keeps its place when it changes, and is still believed until it is judged again', () => {
    for (const id of ['a', 'b', 'c']) verdicts.take(aPeer(id), { untilMs: 5 });

    verdicts.doubt('a');
    const meanwhile = shown().believed;
    verdicts.take(aPeer('a', ['10.1.0.0/16']), { untilMs: 9 });

    expect(meanwhile).toEqual(['a', 'b', 'c']);
    expect(shown()).toEqual({ believed: ['a', 'b', 'c'], routers: ['a'], refused: [] });
  });

  it('leads nowhere any more when its networks were taken away', () => {
    verdicts.take(aPeer('a', ['10.1.0.0/16']), { untilMs: 5 });

    verdicts.take(aPeer('a'), { untilMs: 5 });

    expect(shown().routers).toEqual([]);
  });

  it('was refused before, and is not on both lists', () => {
    verdicts.take(aPeer('a'), { reason: 'forged' });

    verdicts.take(aPeer('a'), { untilMs: 5 });

    expect(shown()).toEqual({ believed: ['a'], routers: [], refused: [] });
  });
});

it('knows when the first certificate ends as one that looks at all of them does', () => {
  const all = new Map<string, number>();
  for (let n = 0; n < 2000; n++) {
    const [nodeId, untilMs] = [`n${Math.floor(Math.random() * 12)}`, Math.floor(Math.random() * 20)];
    if (n % 3 === 0) {
      verdicts.forget(nodeId);
      all.delete(nodeId);
    } else {
      verdicts.take(aPeer(nodeId), n % 7 === 0 ? { reason: 'forged' } : { untilMs });
      all.set(nodeId, n % 7 === 0 ? Infinity : untilMs);
    }
    if (n % 2 === 0) expect(verdicts.nextEndMs).toBe(Math.min(...all.values()));
  }
});

function shown() {
  const { believed, routers, refused } = verdicts;
  return { believed: [...believed.keys()], routers: [...routers.keys()], refused: [...refused.values()].map(({ peer, reason }) => `${peer.nodeId}: ${reason}`) };
}

function aPeer(nodeId: string, routes: string[] = []): Peer {
  return Peer.fromPartial({ nodeId, routes });
}
