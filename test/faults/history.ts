import type { AppliedRevision } from '../../src/server/store/local-view.js';

/** What a client wanted. */
export type Wish =
  | { readonly kind: 'token' }
  /** `requestId` is the hash of the machine's keys, hex: asked again it is the same request. */
  | { readonly kind: 'register'; readonly requestId: string }
  | { readonly kind: 'rename'; readonly nodeId: string; readonly name: string }
  | { readonly kind: 'unregister'; readonly nodeId: string };

/**
 * How a call ended: carried out; refused, so that nothing of it may ever be seen; or nobody can tell. A call of which one attempt is in
 * doubt stays so until another one succeeds.
 */
export type Ending =
  | { readonly outcome: 'ok'; readonly id: string; readonly address?: string }
  | { readonly outcome: 'refused' | 'unknown'; readonly why: string };

/** One call of a client, from its first attempt to its last. */
export interface Call {
  readonly wish: Wish;
  readonly invokedMs: number;
  readonly endedMs: number;
  readonly ending: Ending;
}

/** What an agent was told, over all its connections. `nodes` are the ids of the nodes that a message names. */
export type Told =
  | { readonly kind: 'map'; readonly rev: bigint; readonly nodes: readonly string[] }
  | { readonly kind: 'delta'; readonly rev: bigint; readonly nodes: readonly string[] }
  | { readonly kind: 'progress'; readonly rev: bigint }
  | { readonly kind: 'reset'; readonly reason: string };

/** The stream of one agent. */
export interface AgentStream {
  readonly agent: string;
  readonly network: string;
  readonly told: readonly Told[];
}

/** A write that was acknowledged to a leader, with the revision at which it took the role. */
export interface LeaderWrite {
  readonly leader: string;
  /** Key of the role. */
  readonly key: string;
  readonly since: bigint;
  readonly rev: bigint;
}

/** All that was seen from outside, and the event log of every replica. */
export interface History {
  readonly calls: readonly Call[];
  /** By replica; whole from the first revision on. */
  readonly logs: ReadonlyMap<string, readonly AppliedRevision[]>;
  readonly streams: readonly AgentStream[];
  readonly leaderWrites: readonly LeaderWrite[];
}
