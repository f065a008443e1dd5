import type { PathReport, ReportRequest } from '../../gen/networkcontroller/v1/node.js';
import { PathKind } from '../../gen/networkcontroller/v1/types.js';

/** What a node last said of itself. */
interface Report {
  appliedRevision: bigint;
  readonly paths: Map<string, PathReport>;
}

/** What agents report: held in memory, because it is true only of this moment. */
export class Reports {
  readonly #reports = new Map<string, Report>();

  /** Takes a report in; paths that it does not mention stay as they were. */
  take(nodeId: string, request: ReportRequest): void {
    const report = this.#reports.get(nodeId) ?? { appliedRevision: 0n, paths: new Map<string, PathReport>() };
    this.#reports.set(nodeId, report);
    report.appliedRevision = request.appliedRevision;
    for (const path of request.paths) {
      if (path.path === PathKind.PATH_KIND_UNSPECIFIED || path.path === PathKind.PATH_KIND_NONE) report.paths.delete(path.nodeId);
      else report.paths.set(path.nodeId, path);
    }
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

  /** How the node reaches most of its peers; NONE without any. */
  pathOf(nodeId: string): PathKind {
    const paths = this.#reports.get(nodeId)?.paths;
    if (paths === undefined || paths.size === 0) return PathKind.PATH_KIND_NONE;
    let direct = 0;
    for (const path of paths.values()) if (path.path === PathKind.PATH_KIND_DIRECT) direct++;
    return direct * 2 >= paths.size ? PathKind.PATH_KIND_DIRECT : PathKind.PATH_KIND_RELAY;
  }
}
