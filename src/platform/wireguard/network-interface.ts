import { DomainError } from '../../domain/errors.js';
import { run, RunError } from '../run.js';
import type { SystemRoute } from './overlap.js';

/** The mark of the routes that this program made, so that nobody else's are taken away. @see ip-route(8) "protocol" */
const ROUTE_PROTOCOL = '189';

/** A network interface as ip(8) describes it. */
export interface InterfaceState {
  /** `wireguard`, `tun`, `veth`, …; empty for a physical one. */
  readonly kind: string;
  readonly up: boolean;
  readonly mtu: number;
  /** "10.66.0.5/24", without the link-local ones that the kernel makes. */
  readonly addresses: readonly string[];
}

/** What `ip -j -d address` prints of one interface, as far as it is read. */
interface IpAddress {
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen: number; readonly scope: string }[];
}

/** Runs a tool of the system for the device. @throws DomainError `device_failed` with what it said. */
export async function runTool(command: 'ip' | 'wg', args: readonly string[]): Promise<string> {
  try {
    return (await run(command, args)).stdout;
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    const advice = error.reason === 'missing' ? `; install ${command === 'wg' ? 'wireguard-tools' : 'iproute2'}` : '';
    throw new DomainError('device_failed', `device: ${error.message}${advice}`, { cause: error });
  }
}

/** Describes the interface, or gives undefined when there is none of that name. */
export async function readInterface(name: string): Promise<InterfaceState | undefined> {
  let found: IpAddress | undefined;
  try {
    [found] = JSON.parse((await run('ip', ['-j', '-d', 'address', 'show', 'dev', name])).stdout) as IpAddress[];
  } catch (error) {
    if (error instanceof RunError && /does not exist/.test(error.stderr)) return undefined;
    throw error;
  }
  return found && {
    kind: found.linkinfo?.info_kind ?? '',
    up: found.flags.includes('UP'),
    mtu: found.mtu,
    addresses: (found.addr_info ?? []).filter(({ scope }) => scope !== 'link').map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  };
}

/** Gives the interface exactly `addresses`, the MTU, and turns it on; what is right is not touched. */
export async function shapeInterface(name: string, have: InterfaceState, want: { addresses: readonly string[]; mtu: number }): Promise<void> {
  const stale = have.addresses.filter((address) => !want.addresses.includes(address));
  const missing = want.addresses.filter((address) => !have.addresses.includes(address));
  // First, because an address of the same prefix would become secondary to a stale one and go away with it. @see ip-sysctl, promote_secondaries
  for (const address of stale) await runTool('ip', ['address', 'del', address, 'dev', name]);
  if (have.mtu !== want.mtu || !have.up) await runTool('ip', ['link', 'set', 'dev', name, 'mtu', String(want.mtu), 'up']);
  // Without duplicate address detection: the controller hands every address out once, and an address under detection cannot be used.
  for (const address of missing) await runTool('ip', ['address', 'add', address, 'dev', name, ...(address.includes(':') ? ['nodad'] : [])]);
}

/** Makes `routes` the ones that lead into the interface, besides the connected ones and those that others made. */
export async function shapeRoutes(name: string, routes: readonly string[]): Promise<void> {
  const have = [...(await ownRoutes(name, '-4')), ...(await ownRoutes(name, '-6'))];
  for (const route of have) if (!routes.includes(route)) await runTool('ip', ['route', 'del', route, 'dev', name, 'proto', ROUTE_PROTOCOL]);
  for (const route of routes) if (!have.includes(route)) await runTool('ip', ['route', 'replace', route, 'dev', name, 'proto', ROUTE_PROTOCOL]);
}

/** The routes of this machine besides its default ones and those into the interface. */
export async function readOtherRoutes(name: string): Promise<SystemRoute[]> {
  const found = [...(await readRoutes('-4', [])), ...(await readRoutes('-6', []))];
  return found
    .filter(({ destination, device }) => device !== name && !destination.endsWith('/0') && !destination.startsWith('fe80:'))
    .map(({ destination, device, gateway, protocol }) => ({ destination, device, connected: gateway === undefined && protocol === 'kernel' }));
}

async function ownRoutes(name: string, family: '-4' | '-6'): Promise<string[]> {
  return (await readRoutes(family, ['dev', name, 'proto', ROUTE_PROTOCOL])).map(({ destination }) => destination);
}

async function readRoutes(family: '-4' | '-6', selector: readonly string[]): Promise<{ destination: string; device: string; gateway?: string; protocol?: string }[]> {
  const text = await runTool('ip', [family, '-j', 'route', 'show', ...selector]);
  const [all, host] = family === '-4' ? ['0.0.0.0/0', 32] : ['::/0', 128];
  return (JSON.parse(text || '[]') as { dst: string; dev?: string; gateway?: string; protocol?: string }[]).map(({ dst, dev, ...rest }) => ({
    ...rest,
    destination: dst === 'default' ? all : dst.includes('/') ? dst : `${dst}/${host}`,
    device: dev ?? '',
  }));
}
