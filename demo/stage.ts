import type { Machine } from './machine.js';
import type { Scene } from './perform.js';

/** The node on which an app runs, what the app is called, and where it listens. */
export const APP = { node: 'web-2', service: 'registry', port: 5000 } as const;

/** How long one command may take before it counts as hanging, on a machine that is not emulated. */
export const PATIENCE_MS = 60_000;

/** What the story sees of packets, where there are some. */
export interface Wire {
  /** Milliseconds from the call until a ping from one machine to an address is answered for the first time. */
  firstPing(from: Machine, address: string, signal: AbortSignal): Promise<number>;
  /** Whether any of `count` pings is answered. */
  reaches(from: Machine, address: string, count?: number): Promise<boolean>;
  /** Pings on until stopped. */
  pinging(from: Machine, address: string): { stop(): Promise<{ sent: number; received: number }> };
  /** Begins to look at all UDP that leaves and enters a node, outside and inside the tunnel. */
  watch(node: Machine): Promise<WireWatch>;
}

/** What tcpdump sees of one node. */
export interface WireWatch {
  /** Also watches inside the tunnel from now on, which exists after the join. */
  watchInside(): Promise<void>;
  /** Everything so far: whole packets outside and inside. */
  packets(): { readonly outside: readonly Buffer[]; readonly inside: readonly Buffer[] };
}

/** Where the story takes place. */
export interface Stage extends Scene {
  readonly controller: Machine;
  readonly nodes: readonly Machine[];
  /** Undefined where nodes have a recorded device and send nothing. */
  readonly wire: Wire | undefined;
  /** The settings of nc-server that belong to the stage, as server.yml has them. */
  readonly serverSettings: Readonly<Record<string, unknown>>;
  /** What dig(1) on a node is told to ask the controller's name server. */
  readonly nameServer: readonly string[];
  /** How each node's agent carries packets. */
  readonly device: 'auto' | 'recorded';
  /** What client.yml of a node says under `services`. */
  offers(machine: { readonly name: string }): readonly object[];
  /** How long one command may take before it counts as hanging. */
  readonly patienceMs: number;
  /** The folder of everything a machine writes; the machine's own user may write there. */
  folderOf(machine: { readonly name: string }): string;
}
