import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Clock } from '../platform/clock.js';

/** How often to look where nobody tells of changes. */
const LOOK_MS = 2000;

/** Changes that come within this time are one: an address goes, its routes go, others come. */
const GATHER_MS = 50;

/** What {@link watchAddresses} works with. */
export interface AddressWatchDeps {
  readonly clock: Clock;
  /** Calls back when something may have changed. @returns Stops that. */
  monitor(listener: () => void): () => void;
  /** The overlay's own interface, whose changes are ours. */
  readonly except: string;
}

/**
 * Calls `listener` when the machine has got or lost an address or a way out: another Wi-Fi, a cable, a VPN.
 *
 * @returns Stops watching.
 */
export function watchAddresses({ clock, monitor, except }: AddressWatchDeps, listener: () => void): () => void {
  let before = networkOf(except);
  let cancel: (() => void) | undefined;
  const look = (): void => {
    const now = networkOf(except);
    if (now === before) return;
    before = now;
    listener();
  };
  const lookSoon = (): void => {
    cancel ??= clock.after(GATHER_MS, () => {
      cancel = undefined;
      look();
    });
  };
  const stops = [clock.every(LOOK_MS, look), monitor(lookSoon), () => cancel?.()];
  return () => stops.forEach((stop) => stop());
}

function networkOf(except: string): string {
  const addresses = Object.entries(networkInterfaces()).flatMap(([name, found]) =>
    name === except ? [] : (found ?? []).map(({ address }) => `${name} ${address}`),
  );
  return [...addresses, ...defaultRoutes(except)].sort().join();
}

/** Device and gateway of each; none on a system that does not show them so. @see proc(5) /proc/net/route, /proc/net/ipv6_route */
function defaultRoutes(except: string): string[] {
  const v4 = fieldsOf('/proc/net/route').flatMap(([device, to, gateway, , , , , mask]) => (to === '00000000' && mask === '00000000' ? [[device, gateway]] : []));
  const v6 = fieldsOf('/proc/net/ipv6_route').flatMap(([to, length, , , gateway, , , , , device]) => (length === '00' && to === '0'.repeat(32) ? [[device, gateway]] : []));
  return [...v4, ...v6].filter(([device]) => device !== except && device !== 'lo').map((route) => `default ${route.join(' ')}`);
}

function fieldsOf(file: string): string[][] {
  try {
    return readFileSync(file, 'utf8').split('\n').map((line) => line.trim().split(/\s+/));
  } catch {
    return [];
  }
}
