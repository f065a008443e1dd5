import type { PathReport } from '../gen/networkcontroller/v1/node.js';
import { PathKind, type Peer } from '../gen/networkcontroller/v1/types.js';
import type { Log } from '../platform/log.js';

/** Paths that one message of the controller may ask for. */
const MOST = 16;

/** What paths are tried with. */
export interface PathProbeDeps {
  /** Milliseconds until an overlay address answered, undefined for no answer. */
  ping(address: string): Promise<number | undefined>;
  /** Whether the device carries packets at all. */
  carriesPackets(): boolean;
  readonly log: Log;
}

/** Tries the paths that the controller asks about, and keeps the results for the next report. */
export class PathProbes {
  readonly #deps: PathProbeDeps;
  readonly #results = new Map<string, { readonly rttUs: number; readonly tried: boolean }>();

  constructor(deps: PathProbeDeps) {
    this.#deps = deps;
  }

  /** Tries the paths to those of `wanted` that are among `peers`; resolves when all are done. */
  async run(wanted: readonly string[], peers: readonly Peer[]): Promise<void> {
    await Promise.all(
      wanted.slice(0, MOST).map(async (nodeId) => {
        const peer = peers.find((each) => each.nodeId === nodeId);
        this.#results.set(nodeId, peer === undefined ? { rttUs: 0, tried: false } : await this.#try(peer));
      }),
    );
  }

  /** The reports with what was tried since the last one that arrived; a peer that has no path gets one that says so. */
  addTo(reports: readonly PathReport[], refusals: ReadonlyMap<string, string>): PathReport[] {
    const told = new Set(reports.map(({ nodeId }) => nodeId));
    const pathless = [...this.#results.keys()].filter((nodeId) => !told.has(nodeId));
    const none = pathless.map((nodeId): PathReport => ({ nodeId, path: PathKind.PATH_KIND_NONE, endpoint: '', rttUs: 0, lastHandshakeMs: 0, tried: false, refused: '' }));
    return [...reports, ...none].map((report) => ({ ...report, ...this.#results.get(report.nodeId), refused: refusals.get(report.nodeId) ?? '' }));
  }

  /** These have arrived. */
  told(reports: readonly PathReport[]): void {
    for (const { nodeId } of reports) this.#results.delete(nodeId);
  }

  async #try({ nodeId, bindIp }: Peer): Promise<{ rttUs: number; tried: boolean }> {
    const { ping, carriesPackets, log } = this.#deps;
    if (!carriesPackets()) return { rttUs: 0, tried: false };
    try {
      return { rttUs: Math.round(((await ping(bindIp)) ?? 0) * 1000), tried: true };
    } catch (error) {
      log.warn('a path could not be tried', { nodeId, reason: String(error) });
      return { rttUs: 0, tried: false };
    }
  }
}
