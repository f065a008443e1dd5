import { fail, ok, warn, type Finding } from '../finding.js';
import type { Machine } from '../machine.js';
import type { Patient } from '../patient.js';

/** Whether UDP gets to the controller and back, and what happens where it does not. */
export async function checkUdp({ membership, map, status, machine }: Patient): Promise<Finding[]> {
  const controller = map?.network?.controller;
  if (membership === undefined || controller === undefined) return [];
  const [relays, probes] = await Promise.all([controller.endpoints, controller.probeEndpoints].map((endpoints) => machine.resolveEndpoints(endpoints)));
  const [relay, probe] = [relays?.[0], probes?.[0]];
  if (relay === undefined) return [fail('udp', `${controller.endpoints.join(', ') || 'the controller'} does not resolve to an address`, 'look at this machine\'s DNS')];
  const [seen, seenByProbe] = await Promise.all([machine.seenBy(relay), probe === undefined ? undefined : machine.seenBy(probe)]);
  if (seen === undefined) return [await blocked({ relay, probe, seenByProbe, tunnelUp: status?.tunnelUp === true, machine, fallback: controller.httpsEndpoints[0] })];
  const nat = seenByProbe === undefined || seenByProbe === seen ? '' : '; the NAT gives each destination another port, so direct paths are rare';
  if (status !== undefined && status.device !== 'recorded' && !status.tunnelUp) {
    return [fail('udp', `${relay} answers UDP, and WireGuard has no session with it`, 'a firewall may let through STUN and drop WireGuard: let all UDP to and from this port pass')];
  }
  return [ok('udp', `${relay} answers UDP and sees this machine at ${seen}${nat}`)];
}

interface Blocked {
  readonly relay: string;
  readonly probe: string | undefined;
  readonly seenByProbe: string | undefined;
  readonly tunnelUp: boolean;
  readonly machine: Machine;
  /** TCP, where the agent takes its packets instead. */
  readonly fallback: string | undefined;
}

async function blocked({ relay, probe, seenByProbe, tunnelUp, machine, fallback }: Blocked): Promise<Finding> {
  const other = probe === undefined || seenByProbe === undefined ? '' : `, although ${probe} does`;
  const mend = `let UDP out to ${relay} and its answers in`;
  const says = `${relay} does not answer UDP${other}`;
  if (tunnelUp) return warn('udp', `${says}; the tunnel is up over TCP instead, which is slower`, mend);
  const problem = fallback === undefined ? 'the controller offers none' : await machine.tcpProblem(fallback);
  if (problem === undefined) return warn('udp', `${says}; ${fallback} takes its place over TCP, which is slower`, mend);
  return fail('udp', `${says}, and TCP cannot take its place: ${fallback === undefined ? '' : `${fallback}: `}${problem}`, `${mend}${fallback === undefined ? '' : `, or TCP to ${fallback}`}`);
}
