import { isIPv6 } from 'node:net';
import { parseHostPort } from '../../../domain/host-port.js';
import { RunError } from '../../../platform/run.js';
import { ok, warn, type Finding } from '../finding.js';
import type { Machine } from '../machine.js';
import type { Patient } from '../patient.js';

/** Bytes that WireGuard, UDP and IP put around a packet. @see WireGuard whitepaper §5.4.6 */
const AROUND = { ipv4: 60, ipv6: 80 } as const;
/** Bytes of the IP and ICMP headers around what ping(8) counts. */
const PING_HEADERS = { ipv4: 28, ipv6: 48 } as const;
const SMALLEST = 1280;
const STEP = 20;

/** Whether packets of the overlay's size get to the controller whole. */
export async function checkMtu({ membership, map, config, machine, status }: Patient): Promise<Finding[]> {
  const network = map?.network;
  if (membership === undefined || network === undefined || status?.device === 'recorded') return [];
  const [relay] = await machine.resolveEndpoints(network.controller?.endpoints ?? []);
  if (relay === undefined) return [];
  const { host } = parseHostPort(relay);
  const family = isIPv6(host) ? 'ipv6' : 'ipv4';
  const mtu = config.mtu || network.mtu;
  const wanted = mtu + AROUND[family];
  if (!(await passes(machine, host, 100))) return [ok('mtu', `not measured: ${host} answers no ping`)];
  if (await passes(machine, host, wanted - PING_HEADERS[family])) return [ok('mtu', `packets of ${mtu} bytes in the tunnel, ${wanted} outside, get to ${host} whole`)];
  const largest = await largestBelow(machine, host, wanted, PING_HEADERS[family]);
  const fits = largest === undefined ? undefined : largest - AROUND[family];
  const mend = fits !== undefined && fits >= SMALLEST ? `set mtu: ${fits} in client.yml` : `set a smaller mtu in server.yml${fits === undefined ? '' : `, at most ${fits}`}, or mend the path: it should carry ${wanted} bytes`;
  return [warn('mtu', `packets of ${wanted} bytes do not get to ${host} whole${largest === undefined ? '' : `, ${largest} do`}: large transfers will be slow or hang`, mend)];
}

async function largestBelow(machine: Machine, host: string, wanted: number, headers: number): Promise<number | undefined> {
  for (let size = wanted - STEP; size >= SMALLEST - 5 * STEP; size -= STEP) if (await passes(machine, host, size - headers)) return size;
  return undefined;
}

/** @see ping(8) -M do: without fragmentation on the way */
async function passes(machine: Machine, host: string, size: number): Promise<boolean> {
  try {
    await machine.run('ping', ['-n', '-c', '1', '-W', '1', '-M', 'do', '-s', String(size), host]);
    return true;
  } catch (error) {
    if (error instanceof RunError) return false;
    throw error;
  }
}
