import { MapSnapshot, type MapChange, type MapDelta, type Server } from '../gen/networkcontroller/v1/node.js';
import type { NameRecords, NetworkConfig, Peer, Relay, Service, TrustBundle } from '../gen/networkcontroller/v1/types.js';
import { DomainError } from '../domain/errors.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import { Verdicts, type RefusedPeer, type Verdict } from './verdicts.js';

/** What decides whether a peer is what it claims, and keeps what the decision rests on. */
export interface PeerTrust {
  /**
   * Verifies the peer's network certificate against its addresses and WireGuard key.
   *
   * @returns Until when, UTC ms.
   * @throws DomainError `certificate_invalid` with the reason.
   */
  verify(peer: Peer, nowMs: number): number;
  /** The same of a relay: its certificate names it and its WireGuard key. @throws DomainError `certificate_invalid` */
  verifyRelay(relay: Relay, nowMs: number): number;
  /** Takes a newer bundle or CRL over; tells whether it was newer. An older or a forged one changes nothing. */
  takeBundle(bundle: TrustBundle): boolean;
  takeCrl(crl: Uint8Array): boolean;
}

/** The network as this node may act on it: every peer in it has been verified. */
export interface NetworkMap {
  readonly epoch: string;
  readonly revision: bigint;
  readonly network: NetworkConfig;
  /** This node as the controller knows it. */
  readonly self: Peer | undefined;
  readonly peers: readonly Peer[];
  /** Those of them that lead to other networks. */
  readonly routers: readonly Peer[];
  readonly refused: readonly RefusedPeer[];
  readonly services: readonly Service[];
  /** Records that admins have added. */
  readonly names: readonly NameRecords[];
  /** Verified ones beside the controller's own. */
  readonly relays: readonly Relay[];
  readonly controlEndpoints: readonly string[];
}

/** All of a map that one snapshot replaces. */
interface Held {
  readonly epoch: string;
  revision: bigint;
  network: NetworkConfig;
  self: Peer | undefined;
  controlEndpoints: readonly string[];
  readonly peers: Map<string, Peer>;
  readonly services: Map<string, Service>;
  readonly names: Map<string, NameRecords>;
  readonly relays: Map<string, Relay>;
  crl: Uint8Array;
}

/**
 * The network map as the controller sends it, snapshot and deltas, and what of it has been verified.
 *
 * The map in force is only ever replaced by a whole one: a snapshot of which a part is missing, a stale answer or a broken
 * stream leave it as it is. An unverifiable peer is listed with its reason and is in no configuration.
 */
export class MapStore {
  readonly #nodeId: string;
  readonly #trust: PeerTrust;
  readonly #clock: Clock;
  readonly #log: Log;
  #held: Held | undefined;
  /** What {@link current} gave last; undefined when something has changed since. */
  #shown: NetworkMap | undefined;
  #chunks: MapSnapshot[] = [];
  readonly #verdicts = new Verdicts();
  /** Until when the relays are verified, by name. */
  #relaysUntilMs = new Map<string, number>();

  constructor(deps: { readonly nodeId: string; readonly trust: PeerTrust; readonly clock: Clock; readonly log: Log }) {
    this.#nodeId = deps.nodeId;
    this.#trust = deps.trust;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** Where to resume: empty and 0 before the first map. */
  position(): { readonly epoch: string; readonly revision: bigint } {
    return { epoch: this.#held?.epoch ?? '', revision: this.#held?.revision ?? 0n };
  }

  /** A new stream begins: what the last one left unfinished will not be finished. */
  beginStream(): void {
    this.#chunks = [];
  }

  /** Takes one chunk of a snapshot. @returns whether it was the last one and the map has been replaced. */
  applySnapshot(chunk: MapSnapshot): boolean {
    this.#chunks.push(chunk);
    if (!chunk.last) return false;
    const chunks = this.#chunks;
    this.#chunks = [];
    const next = assemble(chunks);
    if (next === undefined) {
      this.#log.warn('snapshot without network settings ignored');
      return false;
    }
    if (next.epoch === this.#held?.epoch && next.revision < this.#held.revision) {
      this.#log.warn('stale snapshot ignored', { revision: next.revision, applied: this.#held.revision });
      return false;
    }
    this.#replace(next, chunks);
    return true;
  }

  /** Takes the changes of one revision. @returns whether the map changed; one that was applied before changes nothing. */
  applyDelta(delta: MapDelta): boolean {
    const held = this.#held;
    if (held === undefined || delta.revision <= held.revision) return false;
    this.#shown = undefined;
    for (const { change } of delta.changes) if (change !== undefined) this.#applyChange(held, change);
    held.revision = delta.revision;
    // Of ten thousand peers only the changed ones are looked at, unless what all verdicts rest on has changed and none is left.
    this.#judge(this.#verdicts.size === 0 ? {} : { only: peersOf(held, delta), relays: namesRelays(delta) });
    return delta.changes.length > 0;
  }

  /**
   * Notes under which addresses the server that the node is connected to takes packets: a map that is gone on with from another server
   * names that one's. @returns whether they were others.
   */
  controllerAt(server: Pick<Server, 'wireguard' | 'probe' | 'https'> | undefined): boolean {
    const controller = this.#held?.network.controller;
    if (this.#held === undefined || controller === undefined || server === undefined) return false;
    const next = { ...controller, endpoints: server.wireguard, probeEndpoints: server.probe, httpsEndpoints: server.https };
    if (JSON.stringify(next) === JSON.stringify(controller)) return false;
    this.#held.network = { ...this.#held.network, controller: next };
    this.#shown = undefined;
    return true;
  }

  /** Notes that the map is complete up to `revision`. */
  applyProgress(revision: bigint): void {
    if (this.#held === undefined || revision <= this.#held.revision) return;
    this.#held.revision = revision;
    this.#shown = undefined;
  }

  /** Judges again whoever is refused or whose certificate has ended, for time passes. @returns whether a verdict changed. */
  reverify(): boolean {
    const before = this.#refusedIds();
    this.#shown = undefined;
    this.#judge({ refusedToo: true });
    return this.#refusedIds() !== before;
  }

  /** When the first of the peers' certificates ends, UTC ms; Infinity when none does. */
  nextEndMs(): number {
    return Math.min(this.#verdicts.nextEndMs, ...this.#relaysUntilMs.values());
  }

  /** The map in force; undefined before the first one. */
  current(): NetworkMap | undefined {
    const held = this.#held;
    return held && (this.#shown ??= this.#show(held));
  }

  /** The verified peer of this id; undefined for everybody else. */
  peer(nodeId: string): Peer | undefined {
    return this.#verdicts.believed.get(nodeId);
  }

  #show(held: Held): NetworkMap {
    return {
      epoch: held.epoch,
      revision: held.revision,
      network: held.network,
      self: held.self,
      peers: [...this.#verdicts.believed.values()],
      routers: [...this.#verdicts.routers.values()],
      refused: [...this.#verdicts.refused.values()],
      services: [...held.services.values()],
      names: [...held.names.values()],
      relays: [...held.relays.values()].filter(({ name }) => this.#relaysUntilMs.has(name)),
      controlEndpoints: held.controlEndpoints,
    };
  }

  /**
   * Everything held, as one snapshot for the cache on disk. Refused peers are in it too: whoever loads it judges again, and
   * resumes from this revision, so that a peer left out would never be heard of again.
   */
  toSnapshot(): MapSnapshot | undefined {
    const held = this.#held;
    return held && MapSnapshot.fromPartial({
      epoch: held.epoch,
      revision: held.revision,
      network: held.network,
      ...(held.self && { self: held.self }),
      peers: [...held.peers.values()],
      services: [...held.services.values()],
      names: [...held.names.values()],
      relays: [...held.relays.values()],
      controlEndpoints: [...held.controlEndpoints],
      crl: Buffer.from(held.crl),
      last: true,
    });
  }

  #replace(next: Held, chunks: readonly MapSnapshot[]): void {
    this.#held = next;
    this.#shown = undefined;
    this.#verdicts.clear();
    for (const { bundle, crl } of chunks) {
      if (bundle !== undefined) this.#trust.takeBundle(bundle);
      if (crl.length > 0) this.#trust.takeCrl(crl);
    }
    // The controller lists the caller among the nodes; nobody is a peer of itself.
    next.self = next.self ?? next.peers.get(this.#nodeId);
    next.peers.delete(this.#nodeId);
    this.#judge();
  }

  #applyChange(held: Held, change: NonNullable<MapChange['change']>): void {
    switch (change.$case) {
      case 'peer':
        if (change.value.nodeId === this.#nodeId) held.self = change.value;
        else held.peers.set(change.value.nodeId, change.value);
        this.#verdicts.doubt(change.value.nodeId);
        return;
      case 'peerRemoved':
        held.peers.delete(change.value);
        this.#verdicts.forget(change.value);
        return;
      case 'network':
        held.network = change.value;
        return;
      case 'service':
        held.services.set(change.value.id, change.value);
        return;
      case 'serviceRemoved':
        held.services.delete(change.value);
        return;
      case 'names':
        if (change.value.records.length === 0) held.names.delete(change.value.key);
        else held.names.set(change.value.key, change.value);
        return;
      case 'relay':
        held.relays.set(change.value.name, change.value);
        return;
      case 'relayRemoved':
        held.relays.delete(change.value);
        return;
      case 'bundle':
        if (this.#trust.takeBundle(change.value)) this.#verdicts.clear();
        return;
      case 'crl':
        if (this.#trust.takeCrl(change.value)) {
          held.crl = change.value;
          this.#verdicts.clear();
        }
        return;
      case 'controlEndpoints':
        held.controlEndpoints = change.value.addresses;
        return;
    }
  }

  /** Gives a verdict to every peer that has none or whose verdict has run out. */
  #judge({ refusedToo = false, only, relays = true }: { refusedToo?: boolean; only?: Iterable<Peer>; relays?: boolean } = {}): void {
    const held = this.#held;
    if (held === undefined) return;
    const nowMs = this.#clock.now();
    if (relays) this.#relaysUntilMs = new Map([...held.relays.values()].flatMap((relay) => this.#verifyRelay(relay, nowMs)));
    for (const peer of only ?? held.peers.values()) {
      const verdict = this.#verdicts.of(peer.nodeId);
      const stands = verdict !== undefined && ('untilMs' in verdict ? verdict.untilMs > nowMs : !refusedToo);
      if (!stands) this.#verdicts.take(peer, this.#verify(peer, nowMs, verdict));
    }
  }

  #verify(peer: Peer, nowMs: number, before: Verdict | undefined): Verdict {
    try {
      return { untilMs: this.#trust.verify(peer, nowMs) };
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      const verdict = { reason: error.message };
      if (before === undefined || 'untilMs' in before) this.#log.warn('peer refused', { nodeId: peer.nodeId, name: peer.name, reason: error.message });
      return verdict;
    }
  }

  #verifyRelay(relay: Relay, nowMs: number): (readonly [string, number])[] {
    try {
      return [[relay.name, this.#trust.verifyRelay(relay, nowMs)]];
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      if (this.#relaysUntilMs.has(relay.name)) this.#log.warn('relay refused', { name: relay.name, reason: error.message });
      return [];
    }
  }

  #refusedIds(): string {
    return [...this.#verdicts.refused.keys(), ...this.#relaysUntilMs.keys()].join();
  }
}

/** The peers that a delta names. */
function peersOf(held: Held, { changes }: MapDelta): Peer[] {
  return changes.flatMap(({ change }) => (change?.$case === 'peer' ? (held.peers.get(change.value.nodeId) ?? []) : []));
}

function namesRelays({ changes }: MapDelta): boolean {
  return changes.some(({ change }) => change?.$case === 'relay' || change?.$case === 'relayRemoved');
}

/** Puts the chunks of one snapshot together; undefined when they hold no network settings. */
function assemble(chunks: readonly MapSnapshot[]): Held | undefined {
  const network = chunks.findLast((chunk) => chunk.network !== undefined)?.network;
  const last = chunks.at(-1);
  if (network === undefined || last === undefined) return undefined;
  return {
    epoch: last.epoch,
    revision: last.revision,
    network,
    self: chunks.findLast((chunk) => chunk.self !== undefined)?.self,
    controlEndpoints: chunks.flatMap((chunk) => chunk.controlEndpoints),
    peers: new Map(chunks.flatMap((chunk) => chunk.peers.map((peer) => [peer.nodeId, peer]))),
    relays: new Map(chunks.flatMap((chunk) => chunk.relays.map((relay) => [relay.name, relay]))),
    services: new Map(chunks.flatMap((chunk) => chunk.services.map((service) => [service.id, service]))),
    names: new Map(chunks.flatMap((chunk) => chunk.names.map((names) => [names.key, names]))),
    crl: chunks.findLast((chunk) => chunk.crl.length > 0)?.crl ?? new Uint8Array(),
  };
}
