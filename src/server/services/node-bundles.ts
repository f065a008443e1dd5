import { NodeBundleRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Log } from '../../platform/log.js';
import { keys } from '../store/keys.js';
import type { Repository } from '../store/local-view.js';

/**
 * Which trust bundle each node has said that it knows. It stands in the store, since a CA must not be activated or kept
 * back for a restart of the controller.
 */
export class NodeBundles {
  readonly #repository: Repository;
  readonly #log: Log;

  constructor(deps: { repository: Repository; log: Log }) {
    this.#repository = deps.repository;
    this.#log = deps.log;
  }

  /** Takes in what a node says; only another version than last time is a write. */
  async note(nodeId: string, network: string, version: number): Promise<void> {
    try {
      await this.#repository.update((view) => {
        const known = view.nodeBundle(network, nodeId);
        if (version === (known?.value.version ?? 0) || view.nodeById(nodeId) === undefined) return { if: [], then: [], result: undefined };
        const key = keys.nodeBundle(network, nodeId);
        return {
          // Only beside a live node record: an unregistered node's word must not come back.
          if: [{ key: keys.node(network, nodeId), exists: true }, known === undefined ? { key, absent: true } : { key, modRev: known.modRev }],
          then: [{ put: key, value: NodeBundleRecord.encode({ nodeId, version }).finish() }],
          result: undefined,
        };
      });
    } catch (error) {
      this.#log.warn('trust bundle of a node not noted, its next report will', { nodeId, version, error: String(error) });
    }
  }

  /** Each node's version, by id; a node that never said one is missing. */
  all(): ReadonlyMap<string, number> {
    return new Map(this.#repository.view.nodeBundles().map(({ value }) => [value.nodeId, value.version]));
  }
}
