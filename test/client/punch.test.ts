import { expect, it } from 'vitest';
import { Punch, type PunchPlan, type PunchStep } from '../../src/client/punch.js';

const RELAY = '203.0.113.10:6441';
const DIRECT = '203.0.113.22:4000';
const isRelay = (endpoint: string) => endpoint === RELAY;

it('does not take a late packet through the relay for success', () => {
  const punch = aPunch();
  punch.next({ endpoint: RELAY, rxBytes: 100 }, 0);
  punch.next({ endpoint: DIRECT, rxBytes: 100 }, 20);

  const movedBack = punch.next({ endpoint: RELAY, rxBytes: 200 }, 40);
  const afterwards = punch.next({ endpoint: DIRECT, rxBytes: 200 }, 60);

  expect(movedBack).toEqual({ step: 'steer', endpoint: DIRECT });
  expect(afterwards).toEqual({ step: 'wait' });
});

it('does not count what was received before it began', () => {
  const punch = aPunch();
  punch.next({ endpoint: RELAY, rxBytes: 100 }, 0);

  expect(punch.next({ endpoint: DIRECT, rxBytes: 300 }, 20)).toEqual({ step: 'wait' });
  expect(punch.next({ endpoint: DIRECT, rxBytes: 300 }, 40)).toEqual({ step: 'wait' });
});

it('succeeds when something comes while the endpoint is not the relay', () => {
  const punch = aPunch();
  punch.next({ endpoint: RELAY, rxBytes: 100 }, 0);
  punch.next({ endpoint: DIRECT, rxBytes: 100 }, 20);

  expect(punch.next({ endpoint: DIRECT, rxBytes: 132 }, 40)).toEqual({ step: 'direct', endpoint: DIRECT });
});

it('stays with an endpoint that the peer was heard from', () => {
  const punch = aPunch({ candidates: [DIRECT, '192.168.1.9:2'], turns: 2 });
  punch.next({ endpoint: RELAY, rxBytes: 100 }, 0);
  const learnt = '203.0.113.22:9999';

  const steps = [100, 200, 300, 700].map((nowMs) => punch.next({ endpoint: learnt, rxBytes: 100 }, nowMs));

  expect(steps.map(({ step }) => step)).toEqual(['nudge', 'nudge', 'nudge', 'nudge']);
  expect(punch.next({ endpoint: learnt, rxBytes: 101 }, 720)).toEqual({ step: 'direct', endpoint: learnt });
});

it('tries each candidate for its time, sending again and again, and then gives up', () => {
  const punch = aPunch({ candidates: [DIRECT, '192.168.1.9:2'], turns: 3 });

  const steps = runSilent(punch, 2000);

  expect(steps.filter(({ step }) => step === 'steer')).toEqual([
    { step: 'steer', endpoint: DIRECT },
    { step: 'steer', endpoint: '192.168.1.9:2' },
    // The last one again, for the peer has one more to try.
    { step: 'steer', endpoint: '192.168.1.9:2' },
  ]);
  expect(steps.filter(({ step }) => step === 'nudge').length).toBeGreaterThan(5);
  expect(steps.at(-1)).toEqual({ step: 'failed' });
});

it('only listens where nothing that it sends could arrive', () => {
  const punch = aPunch({ candidates: [], turns: 1, symmetric: true });

  expect(punch.next({ endpoint: RELAY, rxBytes: 0 }, 0)).toEqual({ step: 'wait' });
  expect(punch.next({ endpoint: DIRECT, rxBytes: 10 }, 20)).toEqual({ step: 'wait' });
  expect(punch.next({ endpoint: DIRECT, rxBytes: 20 }, 40)).toEqual({ step: 'direct', endpoint: DIRECT });
});

it('leaves the first try to the other side, and does not move before', () => {
  const punch = aPunch({ listensFirst: true });

  const waiting = [0, 20, 200, 380].map((nowMs) => punch.next({ endpoint: RELAY, rxBytes: nowMs }, nowMs));

  expect(waiting).toEqual(waiting.map(() => ({ step: 'wait' })));
  expect(punch.next({ endpoint: RELAY, rxBytes: 500 }, 400)).toEqual({ step: 'steer', endpoint: DIRECT });
});

it('answers at once where it has heard the other side, late packets through the relay or not', () => {
  const punch = aPunch({ listensFirst: true });
  punch.next({ endpoint: RELAY, rxBytes: 100 }, 0);

  expect(punch.next({ endpoint: DIRECT, rxBytes: 132 }, 20)).toEqual({ step: 'nudge' });
  expect(punch.next({ endpoint: RELAY, rxBytes: 200 }, 40)).toEqual({ step: 'wait' });
  expect(punch.next({ endpoint: DIRECT, rxBytes: 232 }, 60)).toEqual({ step: 'wait' });
  expect(punch.next({ endpoint: DIRECT, rxBytes: 264 }, 80)).toEqual({ step: 'direct', endpoint: DIRECT });
});

it('does not take the endpoint of an earlier path for one that was heard', () => {
  const punch = aPunch({ listensFirst: true });
  punch.next({ endpoint: '203.0.113.99:1', rxBytes: 100 }, 0);

  expect(punch.next({ endpoint: '203.0.113.99:1', rxBytes: 100 }, 420)).toEqual({ step: 'steer', endpoint: DIRECT });
});

it('gives up sooner where it works at once or never', () => {
  expect(runSilent(aPunch({ symmetric: true }), 400).at(-1)).toEqual({ step: 'failed' });
  expect(runSilent(aPunch({ symmetric: false }), 400).at(-1)).not.toEqual({ step: 'failed' });
});

function aPunch(plan: Partial<PunchPlan> = {}): Punch {
  return new Punch({ candidates: [DIRECT], turns: 1, symmetric: false, listensFirst: false, isFinal: true, ...plan }, isRelay, 0);
}

/** Steps every 20 ms with a peer that is never heard; the endpoint is where it was steered. */
function runSilent(punch: Punch, untilMs: number): PunchStep[] {
  const steps: PunchStep[] = [];
  let endpoint = RELAY;
  for (let nowMs = 0; nowMs <= untilMs; nowMs += 20) {
    const step = punch.next({ endpoint, rxBytes: 0 }, nowMs);
    steps.push(step);
    if (step.step === 'steer') endpoint = step.endpoint;
    if (step.step === 'failed') break;
  }
  return steps;
}
