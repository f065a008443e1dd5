import { fail, ok, type Finding } from '../finding.js';
import type { Patient } from '../patient.js';

/** Whether this machine has joined, and its folder can be read by its owner and nobody else. */
export function checkState({ config: { stateDir }, membership, stateProblem }: Patient): Finding[] {
  if (stateProblem !== '') return [fail('state', stateProblem, `run the doctor as the user that the agent runs as; the folder wants mode 700 and its files 600`)];
  if (membership === undefined) return [fail('state', `${stateDir}: this machine has not joined a network`, 'ask an admin for a join string ("ncadm token create") and give it to "nc-client join"')];
  const { name, network, bindIp } = membership.facts;
  return [ok('state', `this is ${name} of network ${network}, ${bindIp}; its keys are readable by their owner only`)];
}
