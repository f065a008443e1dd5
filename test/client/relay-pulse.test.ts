import { expect, it } from 'vitest';
import { RelayPulse } from '../../src/client/relay-pulse.js';
import type { PeerState } from '../../src/platform/wireguard/device.js';

const START = Date.UTC(2026, 0, 1);

/** A relay that answers from the beginning, looked at every `ms`. */
function aPulse({ answers = true, session = true } = {}) {
  const pulse = new RelayPulse();
  let nowMs = START;
  let rxBytes = 0;
  const look = (ms: number, { hears = answers, isUsed = true } = {}): 'nudge' | 'renew' | undefined => {
    nowMs += ms;
    if (hears) rxBytes += 32;
    const seen: PeerState = { publicKey: 'r', allowedIps: [], latestHandshakeMs: session ? nowMs - 1000 : 0, rxBytes, txBytes: 0, persistentKeepalive: 0 };
    return pulse.look(seen, nowMs, isUsed);
  };
  return { pulse, look };
}

it('does not believe in a relay that was never heard', () => {
  const { pulse, look } = aPulse({ answers: false });

  look(0);

  expect(pulse.isAlive).toBe(false);
});

it('does not believe in a relay without a session, though bytes come', () => {
  const { pulse, look } = aPulse({ session: false });

  look(0);
  look(1000);

  expect(pulse.isAlive).toBe(false);
});

it('believes in one that answers, and says when it was heard', () => {
  const { pulse, look } = aPulse();

  look(0);
  look(1000);

  expect(pulse.isAlive).toBe(true);
  expect(pulse.heardMs).toBe(START + 1000);
});

it('asks a relay in use each second, one that waits every ten', () => {
  const used = aPulse();
  const idle = aPulse();

  expect([used.look(0), used.look(500), used.look(500)]).toEqual(['nudge', undefined, 'nudge']);
  expect([idle.look(0, { isUsed: false }), idle.look(9000, { isUsed: false }), idle.look(1000, { isUsed: false })]).toEqual(['nudge', undefined, 'nudge']);
});

it('forgives one question without an answer, not two', () => {
  const { pulse, look } = aPulse();
  look(0);
  look(1000);

  look(1000, { hears: false });
  expect(pulse.isAlive).toBe(true);
  look(1000, { hears: false });
  expect(pulse.isAlive).toBe(true);
  look(1000, { hears: false });

  expect(pulse.isAlive).toBe(false);
});

it('makes a new session with a silent relay, and another only after a rest', () => {
  const { look } = aPulse();
  look(0);
  look(1000);

  const asked = Array.from({ length: 8 }, () => look(1000, { hears: false }));

  expect(asked.filter((each) => each === 'renew').length).toBe(2);
  expect(asked.slice(0, 2)).toEqual(['nudge', 'nudge']);
});

it('believes again as soon as it is heard', () => {
  const { pulse, look } = aPulse();
  look(0);
  for (let i = 0; i < 5; i++) look(1000, { hears: false });
  expect(pulse.isAlive).toBe(false);

  look(1000);

  expect(pulse.isAlive).toBe(true);
});
