import type { Device, DeviceConfig, DeviceState, PeerState } from './device.js';
import { formatWireGuardKey, parseWireGuardKey, wireGuardPublicKey } from './keys.js';

/** One call of {@link Device.steer}. */
export interface RecordedSteer {
  readonly publicKey: string;
  readonly endpoint: string;
  readonly fresh: boolean;
}

/**
 * A device that carries no packet and keeps what it was told: for machines without root or TUN, for programs that embed a
 * node without touching the machine, and for tests.
 */
export class RecordedDevice implements Device {
  readonly kind = 'recorded';
  /** Every configuration set, oldest first. */
  readonly configs: DeviceConfig[] = [];
  readonly steers: RecordedSteer[] = [];
  /** The public keys of the peers nudged. */
  readonly nudges: string[] = [];
  /** The endpoints of each call of {@link Device.open}. */
  readonly opened: (readonly string[])[] = [];
  #state: { publicKey: string; listenPort: number; peers: Map<string, PeerState> } | undefined;
  #onLost: (reason: string) => void = () => {};

  constructor(readonly interfaceName = 'recorded') {}

  set(config: DeviceConfig): Promise<void> {
    this.configs.push(config);
    const before = this.#state?.peers;
    this.#state = {
      publicKey: formatWireGuardKey(wireGuardPublicKey(parseWireGuardKey(config.privateKey))),
      listenPort: config.listenPort || this.#state?.listenPort || 51_820,
      peers: new Map(config.peers.map((peer) => [peer.publicKey, { ...SILENT, ...peer, ...withEndpoint(before?.get(peer.publicKey)) }])),
    };
    return Promise.resolve();
  }

  amend(config: DeviceConfig): Promise<void> {
    return this.set(config);
  }

  observe(): Promise<DeviceState | undefined> {
    return Promise.resolve(this.#state && { ...this.#state, peers: new Map(this.#state.peers), givenBytes: 0 });
  }

  steer(publicKey: string, endpoint: string, options: { readonly fresh?: boolean } = {}): Promise<void> {
    this.steers.push({ publicKey, endpoint, fresh: options.fresh ?? false });
    const peer = this.#state?.peers.get(publicKey);
    if (peer !== undefined) this.#state?.peers.set(publicKey, { ...peer, ...(options.fresh === true ? SILENT : {}), endpoint, persistentKeepalive: 25 });
    return Promise.resolve();
  }

  nudge(publicKey: string): Promise<void> {
    this.nudges.push(publicKey);
    return Promise.resolve();
  }

  open(endpoints: readonly string[]): Promise<void> {
    this.opened.push(endpoints);
    return Promise.resolve();
  }

  onLost(listener: (reason: string) => void): void {
    this.#onLost = listener;
  }

  release(): Promise<void> {
    return Promise.resolve();
  }

  remove(): Promise<void> {
    this.#state = undefined;
    return Promise.resolve();
  }

  /** Lets the interface vanish, as when somebody deletes it. */
  lose(reason: string): void {
    this.#state = undefined;
    this.#onLost(reason);
  }

  /** What WireGuard would have noticed of a peer: packets, a handshake, an endpoint learnt by roaming. */
  notice(publicKey: string, seen: Partial<PeerState>): void {
    const peer = this.#state?.peers.get(publicKey);
    if (peer !== undefined) this.#state?.peers.set(publicKey, { ...peer, ...seen });
  }
}

const SILENT = { latestHandshakeMs: 0, rxBytes: 0, txBytes: 0 };

function withEndpoint(before: PeerState | undefined): Partial<PeerState> {
  if (before === undefined) return {};
  const { endpoint, latestHandshakeMs, rxBytes, txBytes } = before;
  return { latestHandshakeMs, rxBytes, txBytes, ...(endpoint !== undefined && { endpoint }) };
}
