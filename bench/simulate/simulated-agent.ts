import { ControlLink, type ControlHandlers, type ControlState } from '../../src/client/control-link.js';
import { EndpointOrder } from '../../src/client/endpoint-order.js';
import { MapStore, type NetworkMap } from '../../src/client/map-store.js';
import { ServiceOffers, type ServiceCalls } from '../../src/client/services/service-offers.js';
import type { Membership } from '../../src/client/state/membership.js';
import type { DomainError } from '../../src/domain/errors.js';
import { MapSnapshot, type MapDelta, type ReportRequest, type WatchRequest, type WatchResponse } from '../../src/gen/networkcontroller/v1/node.js';
import { NetworkConfig } from '../../src/gen/networkcontroller/v1/types.js';
import { systemClock } from '../../src/platform/clock.js';
import type { ServiceConfig } from '../../src/platform/config/client-config.js';
import { silentLog } from '../../src/platform/log.js';
import { openLightSession } from './light-session.js';
import type { Position } from './member.js';
import type { SharedTrust } from './shared-trust.js';

/** Who hears what an agent meets. */
export interface AgentEvents {
  /** The change of a revision is in the agent's map. */
  onApplied(agent: SimulatedAgent, revision: bigint): void;
  onState(agent: SimulatedAgent, state: ControlState): void;
  /** The controller does not take the node back. */
  onEnd(agent: SimulatedAgent, error: DomainError): void;
}

/** What an agent was sent so far. */
export interface AgentCounts {
  connects: number;
  snapshots: number;
  resets: number;
  deltas: number;
  /** Changes of a revision that was not above the one before. */
  outOfOrder: number;
}

/** What all agents of a process have in common. */
export interface AgentSurroundings {
  readonly endpoint: string;
  /** Where else they find a controller. */
  readonly others: readonly string[];
  readonly trust: SharedTrust;
  readonly events: AgentEvents;
  /** What each offers. */
  readonly services: readonly ServiceConfig[];
}

/**
 * A node's agent without a device: connection, back-off, heartbeat and map are those of nc-client.
 *
 * It starts as after a restart of its machine, with the map that it had on disk. To save memory this map names nobody; what changes from then
 * on is all in it.
 */
export class SimulatedAgent implements ControlHandlers {
  readonly nodeId: string;
  readonly counts: AgentCounts = { connects: 0, snapshots: 0, resets: 0, deltas: 0, outOfOrder: 0 };
  readonly #surroundings: AgentSurroundings;
  readonly #maps: MapStore;
  readonly #link: ControlLink;
  readonly #offers: ServiceOffers;
  #resting = false;

  /** @param position Undefined for a node without a map of its own, which asks for all of it. */
  constructor(readonly membership: Membership, position: Position | undefined, surroundings: AgentSurroundings) {
    this.nodeId = membership.facts.nodeId;
    this.#surroundings = surroundings;
    this.#maps = new MapStore({ nodeId: this.nodeId, trust: surroundings.trust, clock: systemClock, log: silentLog });
    if (position !== undefined) this.#maps.applySnapshot(cachedMap(membership, position));
    this.#link = new ControlLink({
      endpoints: new EndpointOrder([surroundings.endpoint, ...surroundings.others]),
      connect: (endpoint) => openLightSession(endpoint, membership),
      handlers: this,
      clock: systemClock,
      log: silentLog,
      random: Math.random,
    });
    this.#offers = new ServiceOffers(surroundings.services, membership.facts, { calls: () => this.#calls(), clock: systemClock, log: silentLog });
  }

  get state(): ControlState {
    return this.#link.state;
  }

  /** The revision up to which its map is complete. */
  get revision(): bigint {
    return this.#maps.position().revision;
  }

  map(): NetworkMap | undefined {
    return this.#maps.current();
  }

  start(): void {
    this.#link.start();
  }

  /** Renews nothing meanwhile. */
  rest(is: boolean): void {
    this.#resting = is;
  }

  /** Drops the connection and makes a new one, as a machine does that has come into another network. */
  roam(): void {
    this.#link.reconnect();
  }

  stop(): Promise<void> {
    this.#offers.stop();
    return this.#link.stop();
  }

  beginStream(): WatchRequest {
    this.#maps.beginStream();
    const { epoch, revision } = this.#maps.position();
    return { epoch, fromRevision: revision, agentVersion: 'simulated' };
  }

  onMessage({ message }: WatchResponse): void {
    if (message?.$case === 'snapshot') this.#takeSnapshot(message.value);
    else if (message?.$case === 'delta') this.#takeDelta(message.value);
    else if (message?.$case === 'reset') this.counts.resets++;
    else if (message?.$case === 'progress') this.#maps.applyProgress(message.value.revision);
  }

  onState(state: ControlState): void {
    if (state === 'connected') {
      this.counts.connects++;
      void this.#offers.register();
    }
    this.#surroundings.events.onState(this, state);
  }

  onEnd(error: DomainError): void {
    this.#surroundings.events.onEnd(this, error);
  }

  onUnreachable(): void {}
  onCertificateRefused(): void {}
  onReported(): void {}

  report(): Promise<ReportRequest> {
    const { bundleVersion } = this.#surroundings.trust;
    return Promise.resolve({ appliedRevision: this.revision, bundleVersion, candidates: [], paths: [], tunnelUp: true, agentVersion: 'simulated', routes: [] });
  }

  /** What it offers was registered when the store was made. */
  #calls(): ServiceCalls | undefined {
    const { session } = this.#link;
    return session === undefined || this.#resting ? undefined : { ...session, register: () => Promise.resolve() };
  }

  #takeSnapshot(chunk: MapSnapshot): void {
    if (!this.#maps.applySnapshot(chunk)) return;
    this.counts.snapshots++;
    this.#surroundings.events.onApplied(this, chunk.revision);
  }

  #takeDelta(delta: MapDelta): void {
    this.counts.deltas++;
    if (delta.revision <= this.revision) this.counts.outOfOrder++;
    if (this.#maps.applyDelta(delta)) this.#surroundings.events.onApplied(this, delta.revision);
  }
}

function cachedMap({ facts }: Membership, { epoch, revision }: Position): MapSnapshot {
  return MapSnapshot.fromPartial({ epoch, revision, network: NetworkConfig.fromPartial({ name: facts.network, interconnection: true }), last: true });
}
