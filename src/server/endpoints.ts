import { networkInterfaces } from 'node:os';
import type { ServerConfig } from '../platform/config/server-config.js';
import { formatHostPort } from '../domain/host-port.js';
import type { Endpoints } from './services/cluster-facts.js';

/** The ports that the listeners really have, which differ from the configured ones when those are 0. */
export interface ListeningPorts {
  readonly bootstrap: number;
  readonly control: number;
  readonly wireguard: number;
  readonly probe: number;
  readonly https: number;
}

/** The same with those at which names are asked for, in the order of the configuration. */
export interface ListeningPortsAndNames extends ListeningPorts {
  readonly names: readonly number[];
}

/**
 * Where nodes reach this server: under the configured hosts, or else under every address of this machine that others can
 * reach.
 *
 * @param interfaces What the machine has; for tests.
 */
export function endpointsOf(config: ServerConfig, ports: ListeningPortsAndNames, interfaces: typeof networkInterfaces = networkInterfaces): Endpoints {
  const hosts = config.ip.length > 0 ? config.ip : machineHosts(config.bindAddress, interfaces);
  const at = (port: number): string[] => hosts.map((host) => formatHostPort({ host, port }));
  const dns = config.dns.listen.flatMap(({ host }, i) => {
    const port = ports.names[i] ?? 0;
    return isWildcard(host) ? at(port) : [formatHostPort({ host, port })];
  });
  return { control: at(ports.control), bootstrap: at(ports.bootstrap), wireguard: at(ports.wireguard), probe: at(ports.probe), https: at(ports.https), dns };
}

/** Loopback only when there is nothing else, for trying it out on one machine. */
function machineHosts(bindAddress: string, interfaces: typeof networkInterfaces): string[] {
  if (!isWildcard(bindAddress)) return [bindAddress];
  const wanted = bindAddress === '0.0.0.0' ? ['IPv4'] : ['IPv4', 'IPv6'];
  const addresses = Object.values(interfaces()).flatMap((list) => list ?? []);
  const reachable = addresses.filter((entry) => !entry.internal && wanted.includes(entry.family) && !entry.address.startsWith('fe80:'));
  return reachable.length > 0 ? reachable.map((entry) => entry.address) : ['127.0.0.1'];
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}
