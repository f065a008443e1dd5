import { PeerSignal_Kind, type PeerSignal, type RelayDistance } from '../gen/networkcontroller/v1/node.js';
import type { Relay } from '../gen/networkcontroller/v1/types.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { DeviceState } from '../platform/wireguard/device.js';
import { formatWireGuardKey } from '../platform/wireguard/keys.js';
import type { PathContext } from './path-action.js';
import type { PeerPath } from './peer-path.js';
import type { Wanted } from './peer-paths.js';
import { nearestRelay, OWN_RELAY, type Distances } from './relay-choice.js';
import type { RelayAction } from './relay-link.js';
import { RelayMeter } from './relay-meter.js';
import { RelayPulse } from './relay-pulse.js';

/** What moves between relays work with. */
export interface RelayMovesDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** The time to an endpoint and back, µs; undefined without an answer. Never rejects. */
  measure(endpoint: string): Promise<number | undefined>;
  /** Something has been learnt that the next look acts on. */
  onNews(): void;
}

/** What is to be done with a relay as a WireGuard peer. */
export type RelayWish = readonly [publicKey: string, action: RelayAction];

interface KnownRelay {
  readonly name: string;
  readonly publicKey: string;
  readonly endpoint: string;
  readonly pulse: RelayPulse;
}

interface Pair {
  movedMs: number;
  /** Relays over which no session came about, until when. */
  readonly avoid: Map<string, number>;
}

/** The time between two moves of a pair, in ms: to a nearer relay, and away from one that is dead. */
const REST_MS = { nearer: 10_000, dead: 3000 } as const;
/** The end of a pair that does not begin moves away from a dead relay only when the other has had this long to do so. */
const SECOND_MS = 3000;
/** A session over another relay that has not come about by then will not. */
const SESSION_MS = 4000;
const AVOID_MS = 60_000;
/** A relay is moved to only when it was heard this lately. */
const FRESH_MS = 2500;

/**
 * Moves pairs that are on a relay to the nearest one, and away from one that is dead. Every pair begins on the controller's own relay, and
 * goes back there when no other serves.
 *
 * The end that begins chooses, by what both have said of their ways. A move is a new session, because a relay knows sessions only that were
 * made through it; the other end is pulled along by WireGuard's roaming.
 */
export class RelayMoves {
  readonly #deps: RelayMovesDeps;
  readonly #meter: RelayMeter;
  readonly #relays = new Map<string, KnownRelay>();
  readonly #nameAt = new Map<string, string>();
  /** Endpoints of relays that have left the map, by which pairs may still go. */
  readonly #gone = new Map<string, string>();
  readonly #theirs = new Map<string, Distances>();
  readonly #pairs = new Map<string, Pair>();
  readonly #lostMs = new Map<string, number>();
  /** Relays that a pair is about to be moved to. */
  #wanted = new Set<string>();
  #ownEndpoint = '';
  #told = '';

  constructor(deps: RelayMovesDeps) {
    this.#deps = deps;
    this.#meter = new RelayMeter({ clock: deps.clock, measure: (endpoint) => deps.measure(endpoint), onMeasured: () => deps.onNews() });
  }

  /** Takes the relays of the map; `ownEndpoint` is the controller's own. */
  setRelays(relays: readonly Relay[], ownEndpoint: string): void {
    this.#ownEndpoint = ownEndpoint;
    const before = new Map(this.#relays);
    this.#relays.clear();
    for (const [endpoint, name] of this.#nameAt) this.#gone.set(endpoint, name);
    this.#nameAt.clear();
    for (const { name, wgPublicKey, endpoints } of relays) {
      const [publicKey, endpoint = ''] = [formatWireGuardKey(wgPublicKey), endpoints[0]];
      const known = before.get(name);
      const isSame = known?.publicKey === publicKey && known.endpoint === endpoint;
      this.#relays.set(name, isSame ? known : { name, publicKey, endpoint, pulse: new RelayPulse() });
      for (const each of endpoints) {
        this.#nameAt.set(each, name);
        this.#gone.delete(each);
      }
    }
    // Where there is no choice nothing needs to be measured.
    const endpoints = [...this.#relays.values()].map(({ name, endpoint }) => [name, endpoint] as const);
    this.#meter.set(new Map(endpoints.length === 0 || ownEndpoint === '' ? endpoints : [[OWN_RELAY, ownEndpoint], ...endpoints]));
  }

  /** The name of the relay at an endpoint, even when it has left the map; undefined for the controller's own and for what is none. */
  nameAt(endpoint: string): string | undefined {
    return this.#nameAt.get(endpoint) ?? this.#gone.get(endpoint);
  }

  /** This machine may be somewhere else. */
  measureAgain(): void {
    this.#meter.measureAll();
  }

  /** Notes how far a peer says that it is from the relays. */
  learn({ nodeId, kind, relays }: PeerSignal): void {
    if (kind !== PeerSignal_Kind.KIND_PROBE) this.#theirs.set(nodeId, new Map(relays.map(({ name, rttUs }) => [name, rttUs])));
  }

  /** How far this node is from the relays that it reaches. */
  distances(): RelayDistance[] {
    return [...this.#own()].map(([name, rttUs]) => ({ name, rttUs }));
  }

  stop(): void {
    this.#meter.stop();
  }

  /** Decides with what WireGuard shows now. */
  look(seen: DeviceState, paths: readonly PeerPath[], context: PathContext): { readonly relays: RelayWish[]; readonly wanted: Wanted[] } {
    if (this.#relays.size === 0 && this.#pairs.size === 0) return { relays: [], wanted: [] };
    const at = new Map(paths.map((path) => [path, this.#relayOf(seen.peers.get(path.publicKey)?.endpoint ?? '', context)]));
    const relays = this.#feelPulses(seen, new Set([...at.values(), ...this.#wanted]), context.nowMs);
    const own = this.#own();
    this.#noteLost(own, context.nowMs);
    const used = new Set(at.values());
    for (const [endpoint, name] of this.#gone) if (!used.has(name)) this.#gone.delete(endpoint);
    this.#wanted = new Set();
    const moved = paths.flatMap((path): Wanted[] => this.#move(path, at.get(path), own, context.nowMs));
    return { relays, wanted: [...moved, ...this.#tell(paths, context)] };
  }

  /** The relay that packets to an endpoint go to; undefined for a direct one. */
  #relayOf(endpoint: string, { isRelay }: PathContext): string | undefined {
    return this.nameAt(endpoint) ?? (isRelay(endpoint) ? OWN_RELAY : undefined);
  }

  #feelPulses(seen: DeviceState, used: ReadonlySet<string | undefined>, nowMs: number): RelayWish[] {
    return [...this.#relays.values()].flatMap(({ name, publicKey, endpoint, pulse }): RelayWish[] => {
      const peer = seen.peers.get(publicKey);
      const wish = peer === undefined ? undefined : pulse.look(peer, nowMs, used.has(name));
      // It was away when it was measured last.
      if (pulse.isAlive && this.#meter.rttUs(name) === undefined) this.#meter.measure(name);
      if (wish === undefined) return [];
      return [[publicKey, wish === 'nudge' ? { act: 'nudge' } : { act: 'steer', endpoint, fresh: true }]];
    });
  }

  #own(): Map<string, number> {
    const names = [OWN_RELAY, ...[...this.#relays.values()].filter(({ pulse }) => pulse.isAlive).map(({ name }) => name)];
    return new Map(names.flatMap((name) => {
      const rttUs = this.#meter.rttUs(name);
      return rttUs === undefined ? [] : [[name, rttUs] as const];
    }));
  }

  #noteLost(own: Distances, nowMs: number): void {
    for (const name of [OWN_RELAY, ...this.#relays.keys(), ...this.#gone.values()]) {
      if (own.has(name)) this.#lostMs.delete(name);
      else if (!this.#lostMs.has(name)) this.#lostMs.set(name, nowMs);
    }
  }

  #move(path: PeerPath, current: string | undefined, own: Distances, nowMs: number): Wanted[] {
    if (path.isBusy || current === undefined) return [];
    const pair = this.#pairs.get(path.nodeId) ?? { movedMs: nowMs, avoid: new Map<string, number>() };
    this.#pairs.set(path.nodeId, pair);
    const isDead = current !== OWN_RELAY && !own.has(current);
    const hasFailed = path.state.kind === 'none' && nowMs - pair.movedMs > SESSION_MS;
    if (path.state.kind === 'none' && !hasFailed) return [];
    if (hasFailed && current !== OWN_RELAY) pair.avoid.set(current, nowMs + AVOID_MS);
    const usable = new Map([...own].filter(([name]) => (pair.avoid.get(name) ?? 0) <= nowMs));
    const wanted = nearestRelay(usable, this.#theirs.get(path.nodeId) ?? new Map(), current);
    if (wanted === current || !this.#isTurnOf(path, current, { isDead, nowMs })) return [];
    if (nowMs - pair.movedMs < (isDead ? REST_MS.dead : hasFailed ? SESSION_MS : REST_MS.nearer)) return [];
    return this.#moveTo(wanted, path, pair, nowMs);
  }

  #isTurnOf(path: PeerPath, current: string, { isDead, nowMs }: { readonly isDead: boolean; readonly nowMs: number }): boolean {
    return path.initiates || (isDead && nowMs - (this.#lostMs.get(current) ?? nowMs) > SECOND_MS);
  }

  #moveTo(name: string, path: PeerPath, pair: Pair, nowMs: number): Wanted[] {
    const relay = this.#relays.get(name);
    if (relay !== undefined && nowMs - relay.pulse.heardMs > FRESH_MS) {
      this.#wanted.add(name);
      return [];
    }
    const endpoint = relay?.endpoint ?? this.#ownEndpoint;
    if (endpoint === '') return [];
    pair.movedMs = nowMs;
    this.#deps.log.info('moving to another relay', { nodeId: path.nodeId, relay: name || 'controller', endpoint });
    return [[path, { act: 'steer', endpoint, fresh: true }]];
  }

  /** Those who begin are told when the ways of this node have become others. */
  #tell(paths: readonly PeerPath[], { connected }: PathContext): Wanted[] {
    const now = this.distances().map(({ name, rttUs }) => `${name}:${Math.round(2 * Math.log2(1 + rttUs / 1000))}`).sort().join();
    if (!connected || now === this.#told) return [];
    this.#told = now;
    const askers = paths.filter((path) => !path.initiates && path.state.kind !== 'direct');
    return askers.map((path) => [path, { act: 'signal', kind: PeerSignal_Kind.KIND_RELAYS, attempt: 0 }]);
  }
}
