import type { PeerSignal_Kind, RelayDistance } from '../gen/networkcontroller/v1/node.js';
import type { Endpoint } from '../gen/networkcontroller/v1/types.js';
import type { NatKind } from './nat-kind.js';

/** What the path to one peer wants done. */
export type PathAction =
  | { readonly act: 'steer'; readonly endpoint: string; readonly fresh: boolean }
  | { readonly act: 'nudge' }
  /** Let in what comes from there; before any signal. */
  | { readonly act: 'open'; readonly endpoints: readonly string[] }
  | { readonly act: 'signal'; readonly kind: PeerSignal_Kind; readonly attempt: number };

/** What the path to one peer knows of the world outside itself. */
export interface PathContext {
  readonly nowMs: number;
  /** Whether signals can be sent. */
  readonly connected: boolean;
  /** Endpoint of the relay to use, or empty. */
  readonly relay: string;
  isRelay(endpoint: string): boolean;
  /** How far this node is from the relays. */
  distances(): readonly RelayDistance[];
  /** Our own candidates. */
  candidates(): readonly Endpoint[];
  /** The one in front of us; undefined while that is being found out. */
  readonly nat: NatKind | undefined;
}
