import { fail, ok, warn, type Finding } from '../finding.js';
import type { Patient } from '../patient.js';

/** Whether the controller answers for the zone through the tunnel, and this machine asks it. */
export async function checkDns({ status, map, config, machine }: Patient): Promise<Finding[]> {
  const server = map?.network?.controller?.bindIp ?? '';
  if (status === undefined || status.device === 'recorded' || !status.tunnelUp || server === '') return [];
  const name = `${status.name}.${status.network}.${status.zone}`;
  const answer = await machine.askServer(server, name).catch((error: Error) => error);
  if (answer instanceof Error) {
    return [fail('dns', `${server} does not answer for ${name} through the tunnel: ${answer.message}`, `look whether the packet filter of this machine lets UDP to ${server} port 53 through on ${config.interfaceName}`)];
  }
  if (!answer.includes(status.bindIp)) return [warn('dns', `${server} says that ${name} is ${answer.join(', ')} and not ${status.bindIp}`, 'wait a moment: the node was changed just now')];
  const own = await machine.lookup(name).catch((error: Error) => error);
  if (own === status.bindIp) return [ok('dns', `${name} resolves to ${status.bindIp} on this machine, by ${server}`)];
  const says = `${server} answers for ${status.zone}, and this machine's resolver does not ask it`;
  const mend = config.hostDns === 'off' ? 'set "hostDns: auto" in client.yml' : 'see the health that "nc-client status" shows';
  return [warn('dns', says, `${mend}; until then "nc-client resolve" knows the names`)];
}
