/**
 * The boundary to WireGuard on this machine. One implementation drives `wg` and `ip` on the kernel's WireGuard or
 * on wireguard-go as a child, one only records what it was told.
 */

/** One WireGuard peer as it shall be, in wg(8)'s words. */
export interface DevicePeer {
  /** Base64, 44 characters. */
  readonly publicKey: string;
  /** CIDRs, `10.66.0.5/32`. */
  readonly allowedIps: readonly string[];
  /**
   * Where to send first. Applied when the peer is new or when it is changed by {@link Device.steer}; never written over an endpoint that
   * WireGuard has learnt by roaming.
   */
  readonly endpoint?: string;
  /** Seconds, 0 for off. Raised on a live peer, never lowered: {@link Device.steer} turns it on for good. */
  readonly persistentKeepalive: number;
}

/** The whole wanted configuration of the interface. */
export interface DeviceConfig {
  /** Base64. */
  readonly privateKey: string;
  /** UDP port, or 0 to let WireGuard choose one and keep it. */
  readonly listenPort: number;
  /** Overlay addresses with the network's prefix length, `10.66.0.5/24`. */
  readonly addresses: readonly string[];
  readonly mtu: number;
  /** The mark of what WireGuard itself sends; none when left out. @see wg(8), "fwmark" */
  readonly mark?: number;
  /** Prefixes to route into the interface beside the connected ones. */
  readonly routes: readonly string[];
  readonly peers: readonly DevicePeer[];
}

/** One peer as WireGuard reports it (`wg show dump`). */
export interface PeerState {
  readonly publicKey: string;
  readonly endpoint?: string;
  readonly allowedIps: readonly string[];
  /** UTC ms, 0 for never. */
  readonly latestHandshakeMs: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly persistentKeepalive: number;
}

/** The interface as it is. */
export interface DeviceState {
  readonly publicKey: string;
  readonly listenPort: number;
  readonly mark?: number;
  readonly peers: ReadonlyMap<string, PeerState>;
  /**
   * Bytes that this machine has given to the interface, 0 if that is unknown. They count here even when what WireGuard made of them
   * could not be sent, as behind a firewall of this machine's own.
   */
  readonly givenBytes: number;
}

/** What carries the packets underneath. */
export type DeviceKind = 'kernel' | 'wireguard-go' | 'recorded';

/** A WireGuard interface that belongs to this agent. */
export interface Device {
  readonly kind: DeviceKind;
  readonly interfaceName: string;
  /**
   * Makes the interface be as `config` says, creating it when it is missing and touching nothing that is right
   * already. Calling it twice is calling it once; after a crash it repairs.
   *
   * @throws DomainError `device_failed` with what `wg` or `ip` said; `port_taken`; `network_overlap` before anything is touched.
   */
  set(config: DeviceConfig): Promise<void>;
  /**
   * Makes the interface be as `config` says by telling it only what has changed since the configuration before, without looking at it:
   * what somebody else has changed meanwhile stays until the next {@link set}. Where there is no configuration before, or more than peers
   * has changed, it is a {@link set}.
   *
   * @throws DomainError as {@link set}.
   */
  amend(config: DeviceConfig): Promise<void>;
  /** What the interface looks like now; undefined when it is gone. */
  observe(): Promise<DeviceState | undefined>;
  /**
   * Points a live peer at `endpoint` and makes WireGuard send at once (keepalive 0, then on again). With `fresh` the
   * session and the five-second handshake back-off are forgotten too. Calls made together go to WireGuard together.
   */
  steer(publicKey: string, endpoint: string, options?: { readonly fresh?: boolean }): Promise<void>;
  /** Makes WireGuard send to a live peer at once, wherever that is by now. */
  nudge(publicKey: string): Promise<void>;
  /**
   * Sends one packet that means nothing to each endpoint, from the port that the peers are reached from, so that a NAT in
   * front of this machine lets in what comes from there. Resolves when the packets are on their way.
   */
  open(endpoints: readonly string[]): Promise<void>;
  /** Calls `listener` when the interface vanishes or its process ends although nobody asked. */
  onLost(listener: (reason: string) => void): void;
  /** Stops managing the interface and leaves it running where that is possible. */
  release(): Promise<void>;
  /** Takes the interface, its routes and its files away. Idempotent. */
  remove(): Promise<void>;
}
