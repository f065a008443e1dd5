import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Clock } from '../platform/clock.js';
import { isInsideOnly } from './candidates.js';

/** How often to look where nobody tells of changes. */
const LOOK_MS = 2000;

/** Changes that come within this time are one: an address goes, its routes go, others come. */
const GATHER_MS = 50;

/** Begins a default route in a description of the network. */
const WAY_OUT = 'default ';

/** What {@link watchAddresses} works with. */
export interface AddressWatchDeps {
  readonly clock: Clock;
  /** Calls back when something may have changed. @returns Stops that. */
  monitor(listener: () => void): () => void;
  /** The overlay's own interface, whose changes are ours. */
  readonly except: string;
}

/** What has become of the machine's network. */
export interface NetworkChange {
  /** What was there is gone, or another way leads out: what was sent from the old address gets no answer any more. */
  readonly moved: boolean;
}

/**
 * Calls `listener` when the machine has got or lost an address or a way out: another Wi-Fi, a cable, a VPN.
 *
 * @returns Stops watching.
 */
export function watchAddresses({ clock, monitor, except }: AddressWatchDeps, listener: (change: NetworkChange) => void): () => void {
  let before = networkOf(except);
  let cancel: (() => void) | undefined;
  const look = (): void => {
    const now = networkOf(except);
    const gone = difference(before, now);
    const come = difference(now, before);
    before = now;
    if (gone.length + come.length > 0) listener({ moved: gone.length > 0 || come.some((each) => each.startsWith(WAY_OUT)) });
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

function difference(these: ReadonlySet<string>, others: ReadonlySet<string>): string[] {
  return [...these].filter((each) => !others.has(each));
}

function networkOf(except: string): ReadonlySet<string> {
  const isOutside = (name: string): boolean => name !== except && !isInsideOnly(name);
  const addresses = Object.entries(networkInterfaces()).flatMap(([name, found]) =>
    isOutside(name) ? (found ?? []).flatMap(({ address }) => (address.startsWith('fe80:') ? [] : [`${name} ${address}`])) : [],
  );
  return new Set([...addresses, ...defaultRoutes().filter(([device]) => isOutside(device)).map((route) => `${WAY_OUT}${route.join(' ')}`)]);
}

/** Device and gateway of each; none on a system that does not show them so. @see proc(5) /proc/net/route, /proc/net/ipv6_route */
function defaultRoutes(): [string, string][] {
  const v4 = fieldsOf('/proc/net/route').flatMap(([device = '', to, gateway = '', , , , , mask]) => (to === '00000000' && mask === to ? [[device, gateway] as [string, string]] : []));
  const v6 = fieldsOf('/proc/net/ipv6_route').flatMap(([to, length, , , gateway = '', , , , , device = 'lo']) =>
    length === '00' && to === '0'.repeat(32) && device !== 'lo' ? [[device, gateway] as [string, string]] : [],
  );
  return [...v4, ...v6];
}

function fieldsOf(file: string): string[][] {
  try {
    return readFileSync(file, 'utf8').split('\n').map((line) => line.trim().split(/\s+/));
  } catch {
    return [];
  }
}
