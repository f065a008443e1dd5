import type { MapSnapshot } from '../../gen/networkcontroller/v1/node.js';
import type { AgentServiceGetStatusResponse } from '../../gen/networkcontroller/v1/agent.js';
import { DomainError } from '../../domain/errors.js';
import type { Clock } from '../../platform/clock.js';
import type { ClientConfig } from '../../platform/config/client-config.js';
import { silentLog } from '../../platform/log.js';
import type { Membership } from '../state/membership.js';
import { StateFolder } from '../state/state-folder.js';
import type { Contact, Machine } from './machine.js';

/** What the doctor knows of this node before any check. */
export interface Patient {
  readonly config: ClientConfig;
  readonly clock: Clock;
  readonly machine: Machine;
  /** Undefined before the join, and where it cannot be read. */
  readonly membership: Membership | undefined;
  /** Why the state folder cannot be read, or empty. */
  readonly stateProblem: string;
  /** The last verified map; undefined before the first one. */
  readonly map: MapSnapshot | undefined;
  /** What the agent says; undefined when none runs. */
  readonly status: AgentServiceGetStatusResponse | undefined;
  /** What each bootstrap listener of the controller answered. */
  readonly contacts: readonly Contact[];
}

/** Reads what there is to read, asks the agent, and knocks at the controller. */
export async function admit(config: ClientConfig, clock: Clock, machine: Machine): Promise<Patient> {
  const { membership, map, stateProblem } = readState(config);
  const [status, contacts] = await Promise.all([
    machine.agentStatus(config).catch(() => undefined),
    membership === undefined ? [] : Promise.all(membership.facts.bootstrapEndpoints.map((endpoint) => machine.contact(endpoint, membership, clock))),
  ]);
  return { config, clock, machine, membership, map, stateProblem, status, contacts };
}

function readState(config: ClientConfig): Pick<Patient, 'membership' | 'map' | 'stateProblem'> {
  try {
    const state = StateFolder.openExisting(config.stateDir, silentLog);
    return { membership: state?.membership(), map: state?.map(), stateProblem: '' };
  } catch (error) {
    const isKnown = error instanceof DomainError || (error as NodeJS.ErrnoException).code === 'EACCES';
    if (!isKnown) throw error;
    return { membership: undefined, map: undefined, stateProblem: (error as Error).message };
  }
}
