import type { PathReport } from '../gen/networkcontroller/v1/node.js';
import type { NetworkMap } from './map-store.js';
import { wirePathKind } from './path-kind.js';
import type { PathProbes } from './path-probes.js';
import type { Paths, PathState } from './path-types.js';

/** Knows which paths the controller has not been told of yet. */
export class PathReports {
  readonly #paths: Paths;
  readonly #probes: PathProbes;
  readonly #unreported = new Set<string>();

  constructor(paths: Paths, probes: PathProbes) {
    this.#paths = paths;
    this.#probes = probes;
  }

  /** Something about the path to this node is news. */
  changed(nodeId: string): void {
    this.#unreported.add(nodeId);
  }

  /** Another replica, or the same one after a restart, knows nothing of our paths. */
  tellAll(): void {
    for (const { nodeId } of this.#paths.paths()) this.#unreported.add(nodeId);
  }

  /** Tries the paths that the controller asks about, to be told of next. */
  async probe(nodeIds: readonly string[], map: NetworkMap | undefined): Promise<void> {
    await this.#probes.run(nodeIds, map?.peers ?? []);
    for (const nodeId of nodeIds) this.#unreported.add(nodeId);
  }

  /** What is to be told now. */
  list(map: NetworkMap | undefined): PathReport[] {
    const changed = this.#paths.paths().filter(({ nodeId }) => this.#unreported.has(nodeId));
    const refusals = new Map((map?.refused ?? []).map(({ peer, reason }) => [peer.nodeId, reason]));
    return this.#probes.addTo(changed.map((path) => toPathReport(path, this.#paths.tcpEndpoint)), refusals);
  }

  /** These have arrived. */
  told(reports: readonly PathReport[]): void {
    for (const { nodeId } of reports) this.#unreported.delete(nodeId);
    this.#probes.told(reports);
  }
}

/** @param tcpEndpoint What a relayed path leads to while WireGuard itself sends to a port of this machine, or empty. */
function toPathReport({ nodeId, kind, endpoint, lastHandshakeMs }: PathState, tcpEndpoint: string): PathReport {
  const leadsTo = kind === 'relay' && tcpEndpoint !== '' ? tcpEndpoint : endpoint;
  return { nodeId, path: wirePathKind(kind), endpoint: leadsTo, rttUs: 0, lastHandshakeMs, tried: false, refused: '' };
}
