import { fail, ok, type Finding } from '../finding.js';
import type { Patient } from '../patient.js';

/** Whether the interface is there while the agent runs, and as it should be. */
export async function checkInterface({ membership, status, config: { interfaceName }, machine }: Patient): Promise<Finding[]> {
  if (membership === undefined || status === undefined || status.device === 'recorded') return [];
  const found = await machine.readInterface(interfaceName);
  const again = 'the agent makes it so again within a second; if it stays so, somebody else works on it: see the agent\'s log';
  if (found === undefined) return [fail('interface', `the interface ${interfaceName} is gone`, again)];
  if (!found.up) return [fail('interface', `the interface ${interfaceName} is down`, `"ip link set ${interfaceName} up"; ${again}`)];
  const has = found.addresses.map((address) => address.replace(/\/.*/, ''));
  if (!has.includes(status.bindIp)) return [fail('interface', `the interface ${interfaceName} has ${has.join(', ') || 'no address'} and not ${status.bindIp}`, again)];
  return [ok('interface', `${interfaceName} is up with ${status.bindIp}, MTU ${found.mtu}`)];
}
