import type { Peer } from '../gen/networkcontroller/v1/types.js';

/** A peer that the controller names and this node does not believe. */
export interface RefusedPeer {
  readonly peer: Peer;
  readonly reason: string;
}

/** Until when a peer is verified, UTC ms, or why it is not. */
export type Verdict = { readonly untilMs: number } | { readonly reason: string };

/**
 * What has been found of each peer, and who is believed.
 *
 * Of ten thousand peers one changes at a time, so nothing here goes through all of them for one.
 */
export class Verdicts {
  readonly #verdicts = new Map<string, Verdict>();
  /** By node id, in the order in which they came. */
  readonly #believed = new Map<string, Peer>();
  readonly #routers = new Map<string, Peer>();
  readonly #refused = new Map<string, RefusedPeer>();
  /** Undefined when it has to be looked for. */
  #nextEndMs: number | undefined = Number.POSITIVE_INFINITY;

  /** How many there are. */
  get size(): number {
    return this.#verdicts.size;
  }

  /** The verified peers. */
  get believed(): ReadonlyMap<string, Peer> {
    return this.#believed;
  }

  /** Those of the verified peers that lead to other networks. */
  get routers(): ReadonlyMap<string, Peer> {
    return this.#routers;
  }

  /** The peers that are not believed, by node id. */
  get refused(): ReadonlyMap<string, RefusedPeer> {
    return this.#refused;
  }

  of(nodeId: string): Verdict | undefined {
    return this.#verdicts.get(nodeId);
  }

  /** When the first of the believed peers stops to be verified, UTC ms; Infinity without one. */
  get nextEndMs(): number {
    return (this.#nextEndMs ??= this.#earliest());
  }

  /** Takes the verdict on a peer, in place of the one before. */
  take(peer: Peer, verdict: Verdict): void {
    const { nodeId, routes } = peer;
    this.doubt(nodeId);
    this.#verdicts.set(nodeId, verdict);
    if ('reason' in verdict) {
      this.#believed.delete(nodeId);
      this.#routers.delete(nodeId);
      this.#refused.set(nodeId, { peer, reason: verdict.reason });
      return;
    }
    this.#refused.delete(nodeId);
    this.#believed.set(nodeId, peer);
    if (routes.length > 0) this.#routers.set(nodeId, peer);
    else this.#routers.delete(nodeId);
    if (this.#nextEndMs !== undefined) this.#nextEndMs = Math.min(this.#nextEndMs, verdict.untilMs);
  }

  /** The peer has changed, and the verdict on it is no more; who was believed is until the next one. */
  doubt(nodeId: string): void {
    const verdict = this.#verdicts.get(nodeId);
    this.#verdicts.delete(nodeId);
    if (verdict !== undefined && 'untilMs' in verdict && verdict.untilMs === this.#nextEndMs) this.#nextEndMs = undefined;
  }

  /** The peer is gone. */
  forget(nodeId: string): void {
    this.doubt(nodeId);
    for (const each of [this.#believed, this.#routers, this.#refused]) each.delete(nodeId);
  }

  /** What all verdicts rest on has changed. */
  clear(): void {
    for (const each of [this.#verdicts, this.#believed, this.#routers, this.#refused]) each.clear();
    this.#nextEndMs = Number.POSITIVE_INFINITY;
  }

  #earliest(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const verdict of this.#verdicts.values()) if ('untilMs' in verdict) earliest = Math.min(earliest, verdict.untilMs);
    return earliest;
  }
}
