import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { MapSnapshot } from '../../gen/networkcontroller/v1/node.js';
import type { Log } from '../../platform/log.js';
import { loadGeneration, saveGeneration } from './generations.js';
import { loadKnownEndpoints, saveKnownEndpoints, type KnownEndpoints } from './known-endpoints.js';
import { loadMap, saveMap } from './map-cache.js';
import { MapJournal } from './map-journal.js';
import type { MemberKeys } from '../../platform/member-keys.js';
import type { Membership } from './membership.js';
import { forgetPendingKeys, pendingKeys } from './pending-keys.js';
import { isThere, makePrivateFolder } from './safe-files.js';

/**
 * Everything a node keeps on disk, in one private folder:
 *
 * ```
 * current -> gen-2     keys, certificates, node token, bundle and facts that belong together
 * join-<token id>/     keys of a join under way
 * map.bin              the last verified network map
 * map.journal          its changes since that was written
 * endpoints.json       where peers and controllers were reached last
 * resolv.conf.before   the machine's resolv.conf, while ours is in its place
 * agent.sock           the running agent
 * ```
 */
export class StateFolder {
  readonly #log: Log;

  private constructor(
    readonly path: string,
    log: Log,
  ) {
    this.#log = log;
  }

  /**
   * Opens the folder, making it when it is missing.
   *
   * @throws DomainError `key_file_unsafe` when others may enter it.
   */
  static open(path: string, log: Log): StateFolder {
    makePrivateFolder(path);
    return new StateFolder(path, log);
  }

  /** Opens the folder if it is there. @throws DomainError `key_file_unsafe` when others may enter it. */
  static openExisting(path: string, log: Log): StateFolder | undefined {
    return isThere(path) ? StateFolder.open(path, log) : undefined;
  }

  /** Where the running agent listens for commands. */
  get socketPath(): string {
    return join(this.path, 'agent.sock');
  }

  /** Where the kernel's settings are kept while the agent changes them. */
  get kernelSettingsBackupPath(): string {
    return join(this.path, 'kernel.before');
  }

  /** Where the machine's own resolv.conf is kept. */
  get resolvConfBackupPath(): string {
    return join(this.path, 'resolv.conf.before');
  }

  /** @throws DomainError `key_file_unsafe`, `state_invalid` */
  membership(): Membership | undefined {
    return loadGeneration(this.path);
  }

  /** Makes `membership` the current one in one step and ends every join under way. */
  save(membership: Membership): void {
    saveGeneration(this.path, membership);
    forgetPendingKeys(this.path);
  }

  /** @see pendingKeys */
  keysForJoin(tokenId: string, make: () => MemberKeys): MemberKeys {
    return pendingKeys(this.path, tokenId, make);
  }

  map(): MapSnapshot | undefined {
    return loadMap(join(this.path, 'map.bin'), this.#log);
  }

  /** Replaces the map and begins a new journal. */
  saveMap(map: MapSnapshot): void {
    saveMap(join(this.path, 'map.bin'), map);
    this.mapJournal.begin();
  }

  /** The changes since {@link saveMap}. */
  get mapJournal(): MapJournal {
    return new MapJournal(join(this.path, 'map.journal'), join(this.path, 'map.bin'));
  }

  knownEndpoints(): KnownEndpoints {
    return loadKnownEndpoints(join(this.path, 'endpoints.json'), this.#log);
  }

  saveKnownEndpoints(known: KnownEndpoints): void {
    saveKnownEndpoints(join(this.path, 'endpoints.json'), known);
  }

  /** Forgets what belongs to an earlier membership: its map and endpoints say nothing about the next one. */
  forgetNetwork(): void {
    for (const name of ['map.bin', 'map.journal', 'endpoints.json']) rmSync(join(this.path, name), { force: true });
  }

  /** Removes the folder and all that is in it. The membership goes first, so that a crash half way leaves "not joined". */
  destroy(): void {
    if (!isThere(this.path)) return;
    const names = readdirSync(this.path);
    for (const name of ['current', ...names]) rmSync(join(this.path, name), { recursive: true, force: true });
    rmSync(this.path, { recursive: true, force: true });
  }
}
