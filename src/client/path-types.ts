import type { Duplex } from 'node:stream';
import type { Endpoint, Peer, ControllerPeer, Relay } from '../gen/networkcontroller/v1/types.js';
import type { PeerSignal } from '../gen/networkcontroller/v1/node.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { Device } from '../platform/wireguard/device.js';
import type { NetworkChange } from './address-watch.js';
import type { NatFindings } from './nat-kind.js';

/** How packets travel to one peer at the moment. */
export interface PathState {
  readonly nodeId: string;
  /** `none` as long as there is no session. */
  readonly kind: 'none' | 'relay' | 'direct';
  /** Where WireGuard sends, "203.0.113.7:51820", or empty. */
  readonly endpoint: string;
  /** UTC ms, 0 for never. */
  readonly lastHandshakeMs: number;
  readonly rxBytes: number;
  readonly txBytes: number;
}

/** This node as its peers must know it. */
export interface PathSelf {
  /** Base64. Of a pair, the one with the smaller text initiates. */
  readonly publicKey: string;
  /** Where this node may be reached now: local and configured endpoints, and the reflexive one that the controller reported. */
  candidates(): readonly Endpoint[];
}

/** What a path manager works with. */
export interface PathDependencies {
  readonly device: Device;
  readonly clock: Clock;
  readonly log: Log;
  readonly self: PathSelf;
  /**
   * Takes signals to the controller.
   *
   * @returns The node ids that were not reached. Rejects when the controller is not; no signal went out then.
   */
  send(signals: readonly PeerSignal[]): Promise<readonly string[]>;
  /** {@link probeNat}, unless a test brings its own. */
  probeNat?(endpoints: readonly [string, string]): Promise<NatFindings>;
  /**
   * Opens a TCP connection that carries packets to a relay, for when UDP does not get through. Rejects when it cannot be had.
   * Without it everything goes over UDP.
   *
   * @param endpoint `host:port` of the relay's HTTPS listener.
   */
  openTcp?(endpoint: string): Promise<Duplex>;
  /** The time to an endpoint and back, µs, undefined without an answer; {@link measureRtt}, unless a test brings its own. */
  measureRtt?(endpoint: string): Promise<number | undefined>;
  /** Keeps the direct endpoint that works for a peer, for a start without the controller. */
  remember(nodeId: string, endpoint: string): void;
}

/**
 * Moves every pair from the relay to a direct path where one can be had, and back when it breaks. The device is configured by
 * others ({@link Device.set}); this only steers endpoints.
 */
export interface Paths {
  /**
   * The peers that the device has been configured with, the controller whose endpoints relay, and the other relays. Endpoints are IP
   * literals: WireGuard reports them so, and they are compared.
   */
  setPeers(peers: readonly Peer[], controller: ControllerPeer | undefined, relays?: readonly Relay[]): void;
  /** The control stream is up: greets the peers that have no direct path. */
  connected(): void;
  /** The control stream is gone: nothing can be agreed until {@link connected}. */
  disconnected(): void;
  /** A signal from another node. */
  receive(signal: PeerSignal): void;
  /** The relay has forgotten its sessions: makes new ones with it and through it. */
  relayRestarted(): void;
  /**
   * Addresses or routes of this machine changed: failed attempts are worth another try. If it has moved, direct paths have to prove
   * themselves, because the NAT of a peer lets in only what comes from where we were.
   */
  networkChanged(change: NetworkChange): void;
  /** The device was made anew and its sessions are lost: makes them again, first where they were. */
  deviceRestored(): void;
  /** Looks at the device now and acts on what it sees; otherwise done twice a second. */
  observe(): Promise<void>;
  paths(): readonly PathState[];
  /** The relay's end of the TCP connection that its packets take, `host:port`; empty while they go over UDP. */
  readonly tcpEndpoint: string;
  /** The name of the relay at an endpoint; empty for the controller's own and for what is no relay. */
  relayAt(endpoint: string): string;
  /** Calls `listener` when the kind or the endpoint of a path has changed. */
  onChange(listener: (path: PathState) => void): void;
  /** Calls `listener` when a session with the controller exists, again after each time it had to be made anew. */
  onTunnelUp(listener: () => void): void;
  stop(): Promise<void>;
}
