import { RunError } from '../../../platform/run.js';
import { fail, ok, warn, type Finding } from '../finding.js';
import type { Machine } from '../machine.js';
import type { Patient } from '../patient.js';

/** Whether the machine around the tunnel is as it should be: its packet filter, and the networks behind it. */
export async function checkReach({ map, config, machine, status }: Patient): Promise<Finding[]> {
  if (map === undefined || config.device === 'recorded' || status?.device === 'recorded') return [];
  const leads = config.routes.length > 0 || config.exitNode || config.redirectGateway !== '';
  if (!(await hasNft(machine))) {
    if (leads) return [fail('reach', 'nftables is not installed: nothing can be forwarded or led through an exit', '"apt install nftables"')];
    return [warn('reach', 'nftables is not installed: packets with overlay addresses that go around the tunnel are not dropped', '"apt install nftables"')];
  }
  const routes = status?.routes ?? [];
  if (routes.length > 0 && (await forwardingIsOff(machine))) {
    return [fail('reach', `the kernel does not forward, so nobody reaches ${routes.join(', ')} through this node`, 'run the agent as root where /proc/sys can be written; in a container give it --sysctl net.ipv4.ip_forward=1')];
  }
  const waiting = status?.waitingRoutes ?? [];
  if (waiting.length > 0) return [warn('reach', `offered, but not approved: ${waiting.join(', ')}`, `an admin: "ncadm route approve ${status?.name} ${waiting[0]}"`)];
  return [ok('reach', routes.length > 0 ? `others reach ${routes.join(', ')} through this node` : 'packets for the overlay stay inside the tunnel')];
}

async function hasNft(machine: Machine): Promise<boolean> {
  try {
    await machine.run('nft', ['--version']);
    return true;
  } catch (error) {
    if (error instanceof RunError) return false;
    throw error;
  }
}

/** @see ip-sysctl in the kernel's documentation, ip_forward */
async function forwardingIsOff(machine: Machine): Promise<boolean> {
  return (await machine.run('cat', ['/proc/sys/net/ipv4/ip_forward'])).stdout.trim() === '0';
}
