import { checkAgent } from './checks/agent.js';
import { checkCertificate } from './checks/certificate.js';
import { checkClock } from './checks/clock.js';
import { checkController } from './checks/controller.js';
import { checkDns } from './checks/dns.js';
import { checkInterface } from './checks/interface.js';
import { checkMtu } from './checks/mtu.js';
import { checkOverlap } from './checks/overlap.js';
import { checkReach } from './checks/reach.js';
import { checkState } from './checks/state.js';
import { checkUdp } from './checks/udp.js';
import { checkWireGuard } from './checks/wireguard.js';
import { CHECKS, warn, type CheckName, type Finding } from './finding.js';
import type { Patient } from './patient.js';

const CHECK_OF: Readonly<Record<CheckName, (patient: Patient) => Promise<Finding[]> | Finding[]>> = {
  state: checkState,
  agent: checkAgent,
  certificate: checkCertificate,
  clock: checkClock,
  controller: checkController,
  udp: checkUdp,
  mtu: checkMtu,
  wireguard: checkWireGuard,
  interface: checkInterface,
  overlap: checkOverlap,
  reach: checkReach,
  dns: checkDns,
};

/** Runs all checks; they wait for different things, so all at once. One that itself fails says so and keeps none of the others back. */
export async function examine(patient: Patient): Promise<Finding[]> {
  const findings = await Promise.all(CHECKS.map((check) => look(check, patient)));
  return findings.flat();
}

async function look(check: CheckName, patient: Patient): Promise<Finding[]> {
  try {
    return await CHECK_OF[check](patient);
  } catch (error) {
    return [warn(check, `not looked at: ${(error as Error).message}`, 'run the doctor as the user that the agent runs as')];
  }
}
