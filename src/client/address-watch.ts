import { networkInterfaces } from 'node:os';
import type { Clock } from '../platform/clock.js';

const LOOK_MS = 2000;

/**
 * Calls `listener` when the machine has got or lost an address: another Wi-Fi, a cable, a VPN.
 *
 * @param except The overlay's own interface, whose changes are ours.
 * @returns Stops watching.
 */
export function watchAddresses(clock: Clock, except: string, listener: () => void): () => void {
  let before = addressesExcept(except);
  return clock.every(LOOK_MS, () => {
    const now = addressesExcept(except);
    if (now === before) return;
    before = now;
    listener();
  });
}

function addressesExcept(except: string): string {
  return Object.entries(networkInterfaces())
    .flatMap(([name, addresses]) => (name === except ? [] : (addresses ?? []).map(({ address }) => `${name} ${address}`)))
    .sort()
    .join();
}
