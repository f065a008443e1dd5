import { RunError } from '../../../platform/run.js';
import { fail, ok, type Finding } from '../finding.js';
import type { Machine } from '../machine.js';
import type { Patient } from '../patient.js';

/** Whether this machine has what carries the packets. */
export async function checkWireGuard({ config: { device }, machine }: Patient): Promise<Finding[]> {
  if (device === 'recorded') return [ok('wireguard', 'the device is recorded: it carries no packets, by client.yml')];
  const missing = [...((await has(machine, 'wg', '--version')) ? [] : ['wireguard-tools']), ...((await has(machine, 'ip', '-V')) ? [] : ['iproute2'])];
  if (missing.length > 0) return [fail('wireguard', `${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} not installed`, `"apt install ${missing.join(' ')}"`)];
  const kernel = device !== 'wireguard-go' && (await kernelHasIt(machine));
  if (kernel) return [ok('wireguard', 'the kernel has WireGuard')];
  if (device === 'kernel') return [fail('wireguard', 'this kernel has no WireGuard', 'load it: "modprobe wireguard", or set device: auto in client.yml')];
  const found = [...((await has(machine, 'wireguard-go', '--version')) ? [] : ['wireguard-go']), ...(machine.exists('/dev/net/tun') ? [] : ['/dev/net/tun'])];
  if (found.length > 0) return [fail('wireguard', `the kernel has no WireGuard, and ${found.join(' and ')} ${found.length > 1 ? 'are' : 'is'} missing`, '"modprobe wireguard", or "apt install wireguard-go" and "modprobe tun"')];
  return [ok('wireguard', 'wireguard-go carries the packets')];
}

async function kernelHasIt(machine: Machine): Promise<boolean> {
  return machine.exists('/sys/module/wireguard') || (await has(machine, 'modprobe', '--dry-run', '--quiet', 'wireguard'));
}

/** Whether the program is there and ends well. */
async function has(machine: Machine, command: string, ...args: readonly string[]): Promise<boolean> {
  try {
    await machine.run(command, args);
    return true;
  } catch (error) {
    if (error instanceof RunError) return false;
    throw error;
  }
}
