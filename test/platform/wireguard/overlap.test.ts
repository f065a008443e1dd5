import { expect, it } from 'vitest';
import { findOverlap, type SystemRoute } from '../../../src/platform/wireguard/overlap.js';

it('finds a route inside the overlay, which would take its packets', () => {
  expect(findOverlap('10.66.0.5/24', [aRoute('10.66.0.128/25', { connected: false })])?.destination).toBe('10.66.0.128/25');
  expect(findOverlap('10.66.0.5/24', [aRoute('10.66.0.0/24')])).toBeDefined();
  expect(findOverlap('10.66.0.5/24', [aRoute('10.66.0.9/32', { device: '', connected: false })])).toBeDefined();
});

it('finds a network of our own around the overlay, which would lose its neighbours', () => {
  expect(findOverlap('10.66.0.5/24', [aRoute('10.0.0.0/8')])).toBeDefined();
});

it('lets the overlay be more exact than a route through a gateway', () => {
  expect(findOverlap('10.66.0.5/24', [aRoute('10.0.0.0/8', { connected: false })])).toBeUndefined();
});

it('lets neighbours be that share no address, and other families', () => {
  expect(findOverlap('10.66.0.5/24', [aRoute('10.66.1.0/24'), aRoute('192.168.0.0/16'), aRoute('fd00::/8')])).toBeUndefined();
  expect(findOverlap('fd00:66::5/64', [aRoute('10.0.0.0/8'), aRoute('fd00:67::/64')])).toBeUndefined();
  expect(findOverlap('fd00:66::5/64', [aRoute('fd00:66::/64')])).toBeDefined();
});

function aRoute(destination: string, over: Partial<SystemRoute> = {}): SystemRoute {
  return { destination, device: 'eth0', connected: true, ...over };
}
