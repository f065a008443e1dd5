import { randomBytes } from 'node:crypto';
import type { ReplicaRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { ReplicaSettings } from '../../platform/config/replica-settings.js';
import type { Endpoints, ServerState } from '../services/cluster-facts.js';

/** What a server can say of itself at any moment. */
export interface OwnFacts {
  state(): ServerState;
  revision(): bigint;
  /** Control streams that are open. */
  agents(): number;
  endpoints(): Endpoints;
  readonly version: string;
  readonly startedAtMs: number;
}

/** Which of the cluster's servers this process is. */
export class OwnReplica {
  /** Of this run: whoever comes after a crash is another one, which knows nothing of the connections before. */
  readonly id = randomBytes(8).toString('hex');
  readonly settings: ReplicaSettings;
  #cpu = process.cpuUsage();
  #cpuAtMs = performance.now();
  #cpuPercent = 0;

  constructor(settings: ReplicaSettings) {
    this.settings = settings;
  }

  /** Measures the load since the last time. */
  measure(): void {
    const atMs = performance.now();
    const { user, system } = process.cpuUsage(this.#cpu);
    this.#cpuPercent = Math.round((user + system) / 10 / Math.max(1, atMs - this.#cpuAtMs));
    this.#cpu = process.cpuUsage();
    this.#cpuAtMs = atMs;
  }

  /** The server as others are told of it. */
  describe(facts: OwnFacts): ReplicaRecord {
    const { control, bootstrap, wireguard, probe, https, dns } = facts.endpoints();
    const { name, dataCentre, role } = this.settings;
    const state = facts.state();
    return {
      ...{ id: this.id, name, dataCentre, version: facts.version, startedAtMs: facts.startedAtMs },
      state: role === 'observer' && state === 'running' ? 'observer' : state,
      appliedRevision: facts.revision(),
      agents: facts.agents(),
      cpuPercent: this.#cpuPercent,
      ...{ control: [...control], bootstrap: [...bootstrap], wireguard: [...wireguard], probe: [...probe], https: [...https], dns: [...dns] },
    };
  }
}
