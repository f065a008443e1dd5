import { fail, ok, warn, type Finding } from '../finding.js';
import type { Patient } from '../patient.js';

/** Whether the agent runs, and what it complains of itself. */
export function checkAgent({ membership, status, config }: Patient): Finding[] {
  if (membership === undefined) return [];
  if (status === undefined) return [fail('agent', 'the agent is not running', `start it: "nc-client up --detach"; why it ended stands in ${config.logDir}`)];
  const complaints = status.health.map((line) => warn('agent', line, 'see below'));
  return [ok('agent', `the agent runs (pid ${status.pid}); controller ${status.control}, tunnel ${status.tunnelUp ? 'up' : 'down'}`), ...complaints];
}
