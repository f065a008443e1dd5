import { fail, ok, warn, type Finding } from '../finding.js';
import type { Patient } from '../patient.js';

/** Whether UDP gets to the controller and back, and what happens where it does not. */
export async function checkUdp({ membership, map, status, machine }: Patient): Promise<Finding[]> {
  const controller = map?.network?.controller;
  if (membership === undefined || controller === undefined) return [];
  const [relays, probes] = await Promise.all([controller.endpoints, controller.probeEndpoints].map((endpoints) => machine.resolveEndpoints(endpoints)));
  const [relay, probe] = [relays?.[0], probes?.[0]];
  if (relay === undefined) return [fail('udp', `${controller.endpoints.join(', ') || 'the controller'} does not resolve to an address`, 'look at this machine\'s DNS')];
  const [seen, seenByProbe] = await Promise.all([machine.seenBy(relay), probe === undefined ? undefined : machine.seenBy(probe)]);
  if (seen === undefined) return [blocked(relay, probe, seenByProbe, status?.tunnelUp === true)];
  const nat = seenByProbe === undefined || seenByProbe === seen ? '' : '; the NAT gives each destination another port, so direct paths are rare';
  if (status !== undefined && status.device !== 'recorded' && !status.tunnelUp) {
    return [fail('udp', `${relay} answers UDP, and WireGuard has no session with it`, 'a firewall may let through STUN and drop WireGuard: let all UDP to and from this port pass')];
  }
  return [ok('udp', `${relay} answers UDP and sees this machine at ${seen}${nat}`)];
}

function blocked(relay: string, probe: string | undefined, seenByProbe: string | undefined, tunnelUp: boolean): Finding {
  const other = probe === undefined || seenByProbe === undefined ? '' : `, although ${probe} does`;
  const mend = `let UDP out to ${relay} and its answers in`;
  const says = `${relay} does not answer UDP${other}`;
  if (tunnelUp) return warn('udp', `${says}; the tunnel is up over TCP instead, which is slower`, mend);
  return fail('udp', `${says}; without it there is neither relay nor direct path`, mend);
}
