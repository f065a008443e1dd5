import type { DomainError } from '../domain/errors.js';
import type { MapDelta, Server } from '../gen/networkcontroller/v1/node.js';
import type { Endpoint, NetworkConfig } from '../gen/networkcontroller/v1/types.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { Device } from '../platform/wireguard/device.js';
import type { LazyPeers } from './lazy/lazy-peers.js';
import type { MapStore, NetworkMap } from './map-store.js';
import type { PathProbes } from './path-probes.js';
import type { Paths } from './path-types.js';
import type { PlanSelf } from './plan.js';

/** The parts that the agent conducts. */
export interface AgentDeps {
  readonly agentVersion: string;
  readonly self: PlanSelf;
  /** Prefixes that this node offers a way to. */
  readonly offeredRoutes: readonly string[];
  /** Name of the node through which everything else leaves; empty for none. */
  readonly exit: string;
  readonly maps: MapStore;
  readonly device: Device;
  readonly paths: Paths;
  /** Decides who is configured of very many; undefined to have all. */
  readonly lazy: LazyPeers | undefined;
  readonly probes: PathProbes;
  readonly clock: Clock;
  readonly log: Log;
  /** Where this node may be reached now. */
  candidates(): readonly Endpoint[];
  /** Node id → the direct endpoint that worked last, for a start without the controller. */
  direct(): Readonly<Record<string, string>>;
  bundleVersion(): number;
  /**
   * The map has changed; what hangs on it but is not the device's business.
   *
   * @param delta By what; undefined when it is another one.
   */
  onMap(map: NetworkMap, delta: MapDelta | undefined): void;
  /** Time has passed: the map is the same, and others of its peers are believed. */
  onVerdicts(map: NetworkMap): void;
  /** A connection to a controller has been made. */
  onConnected(): void;
  /** Makes the machine around the interface fit the map; never fails. */
  shape(map: NetworkMap): Promise<void>;
  /** The interface listens on this UDP port. */
  onListening(port: number, network: NetworkConfig): void;
  /** The controller has told which servers there are. */
  onServers(servers: readonly Server[]): void;
  /** The node's own reflexive endpoint has changed. */
  onReflexive(endpoint: Endpoint): void;
  /** Something happened that the controller should hear of soon. */
  reportSoon(): void;
  /** Something happened that somebody may be waiting for. */
  reportNow(): void;
  /** The controller will not take this node back. */
  onEnd(error: DomainError): void;
  /** No controller could be reached, or none that can be believed. */
  onUnreachable(): void;
  /** The controller does not take the node's certificate. */
  onCertificateRefused(): void;
}
