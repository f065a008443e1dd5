import { DomainError } from '../../domain/errors.js';
import type { NetworkConfig, OtherNetwork, TrustBundle } from '../../gen/networkcontroller/v1/types.js';
import type { NetworkRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { LocalView, Repository } from '../store/local-view.js';
import { networkOf, planOf } from './address-pools.js';

/** What a server process is doing, as `status` and HealthCheck say it. */
export type ServerState = 'starting' | 'running' | 'draining' | 'degraded';

/** Where nodes reach this controller: "host:port" each, best first. */
export interface Endpoints {
  readonly control: readonly string[];
  readonly bootstrap: readonly string[];
  /** UDP, of the rendezvous and relay socket. */
  readonly wireguard: readonly string[];
  /** UDP, of the socket that tells senders how they are seen. */
  readonly probe: readonly string[];
  /** TCP, of the HTTPS listener. */
  readonly https: readonly string[];
  /** UDP and TCP, of the name server beside the overlay's. */
  readonly dns: readonly string[];
}

/** A store that is there is heard of every two seconds. */
const STALE_MS = 6_000;

/** What every answer about this controller is made of. */
export class ClusterFacts {
  readonly #repository: Repository;
  readonly #endpoints: () => Endpoints;
  readonly #wgPublicKey: Buffer;
  readonly #zone: string;
  readonly #trust: { bundle(): TrustBundle; bundlesAfter(version: number): TrustBundle[]; crl(): Uint8Array };
  readonly clusterId: string;
  readonly epoch: string;
  readonly version: string;
  readonly startedAtMs: number;
  readonly #staleMs: () => number;
  readonly #others: () => readonly Pick<Endpoints, 'control' | 'bootstrap'>[];
  #state: ServerState = 'starting';

  /** @throws DomainError `not_initialised` for a store without a cluster record. */
  constructor(deps: {
    repository: Repository;
    /** Milliseconds by which the records may be behind. */
    staleMs: () => number;
    endpoints: () => Endpoints;
    /** Those of the other servers that take nodes; left out where there are none. */
    others?: () => readonly Pick<Endpoints, 'control' | 'bootstrap'>[];
    wgPublicKey: Uint8Array;
    zone: string;
    trust: { bundle(): TrustBundle; bundlesAfter(version: number): TrustBundle[]; crl(): Uint8Array };
    version: string;
    startedAtMs: number;
  }) {
    const cluster = deps.repository.view.cluster();
    if (cluster === undefined) throw new DomainError('not_initialised', 'store: holds no cluster; run "nc-server init" first');
    this.#repository = deps.repository;
    this.#staleMs = deps.staleMs;
    this.#endpoints = deps.endpoints;
    this.#others = deps.others ?? (() => []);
    this.#wgPublicKey = Buffer.from(deps.wgPublicKey);
    this.#zone = deps.zone;
    this.#trust = deps.trust;
    this.clusterId = cluster.value.id;
    this.epoch = cluster.value.epoch;
    this.version = deps.version;
    this.startedAtMs = deps.startedAtMs;
  }

  /** Degraded: it answers from what it has, and cannot write. */
  state(): ServerState {
    return this.#state === 'running' && this.#staleMs() > STALE_MS ? 'degraded' : this.#state;
  }

  /** Notes that the process has moved on. */
  enter(state: ServerState): void {
    this.#state = state;
  }

  revision(): bigint {
    return this.#repository.view.rev;
  }

  bundle(): TrustBundle {
    return this.#trust.bundle();
  }

  bundlesAfter(version: number): TrustBundle[] {
    return this.#trust.bundlesAfter(version);
  }

  /** DER of the network CA's revocation list; empty when there is none. */
  crl(): Uint8Array {
    return this.#trust.crl();
  }

  /** Of every server that takes nodes, this one first. */
  controlEndpoints(): readonly string[] {
    return inTurn([this.#endpoints().control, ...this.#others().map(({ control }) => control)]);
  }

  /** The same of the listeners for machines that join. */
  bootstrapEndpoints(): readonly string[] {
    return inTurn([this.#endpoints().bootstrap, ...this.#others().map(({ bootstrap }) => bootstrap)]);
  }

  /** A network's settings as its nodes apply them. */
  describe(record: NetworkRecord): NetworkConfig {
    const plan = planOf(record);
    const own = plan.addressesOf(plan.controllerHost);
    const { wireguard, probe, https } = this.#endpoints();
    return {
      name: record.name,
      cidr: record.cidr,
      cidr6: record.cidr6,
      mtu: record.mtu,
      interconnection: record.interconnection,
      zone: this.#zone,
      controller: { wgPublicKey: this.#wgPublicKey, ...own, endpoints: [...wireguard], probeEndpoints: [...probe], httpsEndpoints: [...https] },
      gatewayNodeId: record.gatewayNodeId,
      others: otherNetworks(this.#repository.view, record.name),
    };
  }

  /** @throws DomainError `network_unknown`. */
  describeByName(network: string): NetworkConfig {
    return this.describe(networkOf(this.#repository.view, network));
  }
}

/** The best of each list, then the second best of each: a short list of them all names every server. */
function inTurn(lists: readonly (readonly string[])[]): string[] {
  const longest = Math.max(...lists.map(({ length }) => length));
  const all = Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list[i] ?? []));
  return [...new Set(all.flat())];
}

/** What the nodes of a network may know of all others. */
export function otherNetworks(view: LocalView, network: string): OtherNetwork[] {
  return view.networks().flatMap(({ value: { name, cidr, cidr6 } }) => (name === network ? [] : [{ name, cidr, cidr6 }]));
}
