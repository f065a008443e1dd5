import { expect, it } from 'vitest';
import { AnswerWatch } from '../../src/client/answer-watch.js';
import type { DeviceState } from '../../src/platform/wireguard/device.js';

const LOOK_MS = 500;

it('asks nobody as long as nothing is sent but keepalives', () => {
  const world = aWorld();

  for (let i = 0; i < 5; i++) world.now({ peer: { tx: 32 * i }, relay: { tx: 32 * i } });

  expect(world.pass(25_000)).toEqual([]);
});

it('asks the relay when a peer is silent, and no more when the relay answers', () => {
  const world = aWorld();
  world.now({ peer: { tx: 1000 } });

  const asked = world.pass(1500);
  world.now({ relay: { rx: 32 } });

  expect(asked).toEqual(['ask']);
  expect(world.pass(1000)).toEqual([]);
});

it('gives up after three questions without an answer, within four seconds', () => {
  const world = aWorld();
  world.now({ peer: { tx: 1000 } });

  expect(world.pass(4000).slice(0, 4)).toEqual(['ask', 'ask', 'ask', 'blocked']);
});

it('hears by the silence of all that nothing could even be sent', () => {
  const world = aWorld();
  world.now({ given: 1000 });

  expect(world.pass(4000)).toContain('blocked');
});

it('asks when a peer hears nothing from here, and rests when the relay answers', () => {
  const world = aWorld();
  world.watch.doubt();

  const asked = world.pass(500);
  world.now({ relay: { rx: 32 } });

  expect([...asked, ...world.pass(20_000)]).toEqual(['ask']);
});

it('asks an idle relay when even its keepalives stay away', () => {
  const world = aWorld();

  expect(world.pass(25_000)).toEqual([]);
  expect(world.pass(10_000)).toContain('blocked');
});

it('believes a peer that answers', () => {
  const world = aWorld();
  const results: (string | undefined)[] = [];

  for (let i = 1; i < 20; i++) {
    world.now({ peer: { tx: 1000 * i, rx: 1000 * i }, given: 1000 * i });
    results.push(...world.pass(LOOK_MS));
  }

  expect(results).toEqual([]);
});

function aWorld() {
  const watch = new AnswerWatch();
  const counters = { peer: { rx: 0, tx: 0 }, relay: { rx: 0, tx: 0 }, given: 0 };
  let nowMs = 1_700_000_000_000;
  const state = (): DeviceState => ({
    publicKey: 'own',
    listenPort: 1,
    givenBytes: counters.given,
    peers: new Map((['peer', 'relay'] as const).map((publicKey) => [publicKey, { publicKey, allowedIps: [], latestHandshakeMs: nowMs, persistentKeepalive: 25, rxBytes: counters[publicKey].rx, txBytes: counters[publicKey].tx }])),
  });
  watch.look(state(), 'relay', nowMs);
  return {
    watch,
    now(change: { peer?: { rx?: number; tx?: number }; relay?: { rx?: number; tx?: number }; given?: number }) {
      Object.assign(counters.peer, change.peer);
      Object.assign(counters.relay, change.relay);
      counters.given = change.given ?? counters.given;
    },
    /** Looks twice a second. @returns what the watch wanted. */
    pass(ms: number): string[] {
      const wanted: string[] = [];
      for (const end = nowMs + ms; nowMs < end; ) {
        nowMs += LOOK_MS;
        const result = watch.look(state(), 'relay', nowMs);
        if (result !== undefined) wanted.push(result);
      }
      return wanted;
    },
  };
}
