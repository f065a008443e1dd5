import type { PathReport, ReportRequest } from '../../gen/networkcontroller/v1/node.js';
import { PathKind, type Endpoint } from '../../gen/networkcontroller/v1/types.js';
import type { Clock } from '../../platform/clock.js';

/** A path as a node reported it. */
export interface ReportedPath extends PathReport {
  /** UTC ms: when it was first reported to be so. */
  readonly sinceMs: number;
}

/** What a node last said of itself. */
interface Report {
  appliedRevision: bigint;
  bundleVersion: number;
  candidates: readonly Endpoint[];
  /** Undefined before it has tried for a direct path. */
  symmetricNat: boolean | undefined;
  readonly paths: Map<string, ReportedPath>;
}

/** Somebody who waits for a node's word on another one. */
interface Waiting {
  readonly nodeId: string;
  readonly peerId: string;
  readonly heard: (path: PathReport | undefined) => void;
}

/** Endpoints of a node that are remembered. */
const CANDIDATES = 32;

/** What agents report: held in memory, because it is true only of this moment. */
export class Reports {
  readonly #clock: Clock;
  readonly #reports = new Map<string, Report>();
  readonly #waiting = new Set<Waiting>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes a report in; paths that it does not mention stay as they were. */
  take(nodeId: string, request: ReportRequest): void {
    const report = this.#reportOf(nodeId);
    report.appliedRevision = request.appliedRevision;
    report.bundleVersion = request.bundleVersion;
    report.candidates = request.candidates.slice(0, CANDIDATES);
    for (const path of request.paths) {
      this.#takePath(report, path);
      for (const waiting of this.#waiting) if (waiting.nodeId === nodeId && waiting.peerId === path.nodeId) waiting.heard(path);
    }
  }

  /** The node told another one what its NAT is like. */
  natSeen(nodeId: string, symmetric: boolean): void {
    this.#reportOf(nodeId).symmetricNat = symmetric;
  }

  /**
   * Waits for the node's next word on another one.
   *
   * @returns Undefined when none comes within `deadlineMs`.
   */
  nextPath(nodeId: string, peerId: string, deadlineMs: number): Promise<PathReport | undefined> {
    return new Promise((resolve) => {
      const heard = (path: PathReport | undefined): void => {
        cancel();
        this.#waiting.delete(waiting);
        resolve(path);
      };
      const waiting = { nodeId, peerId, heard };
      const cancel = this.#clock.after(deadlineMs, () => heard(undefined));
      this.#waiting.add(waiting);
    });
  }

  /** Forgets a node and what others said of it. */
  forget(nodeId: string): void {
    this.#reports.delete(nodeId);
    for (const report of this.#reports.values()) report.paths.delete(nodeId);
  }

  /** The last revision that the node has applied; 0 when it never said. */
  appliedRevision(nodeId: string): bigint {
    return this.#reports.get(nodeId)?.appliedRevision ?? 0n;
  }

  /** The trust bundle that the node said it has; 0 when it never said. */
  bundleVersion(nodeId: string): number {
    return this.#reports.get(nodeId)?.bundleVersion ?? 0;
  }

  /** Where the node says it may be reached. */
  candidatesOf(nodeId: string): readonly Endpoint[] {
    return this.#reports.get(nodeId)?.candidates ?? [];
  }

  /** Whether the node's NAT maps each destination to another port; undefined when it never said. */
  symmetricNat(nodeId: string): boolean | undefined {
    return this.#reports.get(nodeId)?.symmetricNat;
  }

  /** How the node says it reaches one other; undefined without a session between them. */
  pathBetween(nodeId: string, peerId: string): ReportedPath | undefined {
    return this.#reports.get(nodeId)?.paths.get(peerId);
  }

  /** How the node reaches most of its peers; NONE without any. */
  pathOf(nodeId: string): PathKind {
    const paths = this.#reports.get(nodeId)?.paths;
    if (paths === undefined || paths.size === 0) return PathKind.PATH_KIND_NONE;
    let direct = 0;
    for (const path of paths.values()) if (path.path === PathKind.PATH_KIND_DIRECT) direct++;
    return direct * 2 >= paths.size ? PathKind.PATH_KIND_DIRECT : PathKind.PATH_KIND_RELAY;
  }

  #reportOf(nodeId: string): Report {
    const report = this.#reports.get(nodeId) ?? { appliedRevision: 0n, bundleVersion: 0, candidates: [], symmetricNat: undefined, paths: new Map<string, ReportedPath>() };
    this.#reports.set(nodeId, report);
    return report;
  }

  #takePath({ paths }: Report, path: PathReport): void {
    if (path.path === PathKind.PATH_KIND_UNSPECIFIED || path.path === PathKind.PATH_KIND_NONE) return void paths.delete(path.nodeId);
    const before = paths.get(path.nodeId);
    const isSame = before?.path === path.path && before.endpoint === path.endpoint;
    paths.set(path.nodeId, { ...path, sinceMs: isSame ? before.sinceMs : this.#clock.now() });
  }
}
