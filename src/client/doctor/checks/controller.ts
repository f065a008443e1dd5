import { fail, ok, warn, type Finding } from '../finding.js';
import type { Contact, Machine } from '../machine.js';
import type { Patient } from '../patient.js';

const REFUSALS_THAT_STAY = new Set(['node_revoked', 'node_unknown', 'certificate_invalid', 'certificate_superseded', 'permission_denied']);
const JOIN_AGAIN = 'ask an admin; if the node was revoked, join again: "nc-client join --replace"';

/** Whether the controller is reached over TCP, at which port, and takes this node. */
export async function checkController({ membership, contacts, machine }: Patient): Promise<Finding[]> {
  if (membership === undefined) return [];
  const { controlEndpoints } = membership.facts;
  const control = await Promise.all(controlEndpoints.map((endpoint) => judgeControl(endpoint, machine, machine.controlRefusal(endpoint, membership))));
  return softened([...control, ...contacts.map(judgeBootstrap)]);
}

async function judgeControl(endpoint: string, machine: Machine, asked: ReturnType<Machine['controlRefusal']>): Promise<Finding> {
  const refusal = await asked;
  if (refusal === undefined) return ok('controller', `${endpoint} (control) takes this node`);
  if (REFUSALS_THAT_STAY.has(refusal.code)) return fail('controller', `${endpoint} (control) refuses this node: ${refusal.message}`, JOIN_AGAIN);
  const problem = await machine.tcpProblem(endpoint);
  if (problem !== undefined) return fail('controller', `${endpoint} (control) cannot be reached by TCP: ${problem}`, advice(problem, endpoint));
  return fail('controller', `${endpoint} (control) answers TCP but not this node: ${refusal.message}`, 'look at the clock and the certificate above; a proxy that opens TLS cannot stand in between');
}

function judgeBootstrap({ endpoint, reached, problem }: Contact): Finding {
  if (reached === 'nothing') return warn('controller', `${endpoint} (bootstrap) cannot be reached by TCP: ${problem}`, `${advice(problem, endpoint)}; it is needed to join, and to recover after a long absence`);
  if (problem === '') return ok('controller', `${endpoint} (bootstrap) answers with a certificate of this cluster`);
  return warn('controller', `${endpoint} (bootstrap) answers, and its certificate is not believed: ${problem}`, 'compare the clocks; if they agree, another server answers at this address');
}

/** One endpoint of several that does not answer keeps nobody from working. */
function softened(findings: readonly Finding[]): Finding[] {
  const works = findings.some(({ result, says }) => result === 'ok' && says.includes('(control)'));
  return findings.map((finding) => (works && finding.result === 'fail' ? { ...finding, result: 'warn' } : finding));
}

function advice(problem: string, endpoint: string): string {
  const port = endpoint.slice(endpoint.lastIndexOf(':') + 1);
  if (problem.includes('ECONNREFUSED')) return `nothing listens there: look whether nc-server runs and listens on port ${port}`;
  if (/ENOTFOUND|EAI_AGAIN/.test(problem)) return 'the name does not resolve: look at this machine\'s DNS';
  return `let TCP out to port ${port}: a firewall on the way may drop it`;
}
