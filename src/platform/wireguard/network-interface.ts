import { DomainError } from '../../domain/errors.js';
import { run, RunError } from '../run.js';

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

async function ownRoutes(name: string, family: '-4' | '-6'): Promise<string[]> {
  const found = JSON.parse((await runTool('ip', [family, '-j', 'route', 'show', 'dev', name, 'proto', ROUTE_PROTOCOL])) || '[]') as { dst: string }[];
  const [all, host] = family === '-4' ? ['0.0.0.0/0', 32] : ['::/0', 128];
  return found.map(({ dst }) => (dst === 'default' ? all : dst.includes('/') ? dst : `${dst}/${host}`));
}
