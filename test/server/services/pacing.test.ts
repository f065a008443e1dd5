import { expect, it } from 'vitest';
import { reconnectSeconds, reportSeconds, retryWithinMs, returnWithinMs } from '../../../src/server/services/pacing.js';

it.each([
  [0, 30],
  [1_500, 30],
  [10_000, 200],
  [1_000_000, 240],
])('has each of %i agents report every %i seconds', (agents, seconds) => expect(reportSeconds(agents)).toBe(seconds));

it.each([
  [0, 1],
  [250, 1],
  [251, 2],
  [10_000, 40],
  [1_000_000, 45],
])('spreads the return of %i agents over %i seconds', (agents, seconds) => expect(reconnectSeconds(agents)).toBe(seconds));

it.each([
  [0, 0],
  [100, 400],
  [10_000, 40_000],
  [1_000_000, 45_000],
])('has %i agents that find no server try again within %i ms', (agents, ms) => expect(retryWithinMs(agents)).toBe(ms));

it.each([
  [0, 30_000],
  [7_500, 30_000],
  [10_000, 40_000],
  [1_000_000, 45_000],
])('expects the last of %i nodes back within %i ms after a start', (nodes, ms) => expect(returnWithinMs(nodes)).toBe(ms));
