import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { DEFAULT_LIFETIMES } from '../domain/certificate.js';
import { DomainError } from '../domain/errors.js';
import { ClusterRecord } from '../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import { createFileAtomic, makePrivateDir, readPrivateFile } from '../platform/pem-files.js';
import { formatWireGuardKey, generateWireGuardKeys, parseWireGuardKey, wireGuardPublicKey } from '../platform/wireguard/keys.js';
import type { ServerConfig } from '../platform/config/server-config.js';
import { openConfiguredStore } from './open-configured-store.js';
import { createPki, openPki, type Pki } from './pki/pki.js';
import { firstAuthorities, standingOf } from './services/ca-records.js';
import { reconcileNetworks } from './services/networks.js';
import { reconcileStaticServices } from './services/static-services.js';
import { limitedRepository } from './replicas/limited-repository.js';
import { checkSharedSecrets } from './shared-secrets.js';
import { storeFile } from './state-files.js';
import { keys } from './store/keys.js';
import type { LocalView } from './store/local-view.js';
import type { OpenStore, StoreOptions } from './store/open-store.js';
import { decodeRecord } from './store/records.js';
import type { Store } from './store/store.js';

/** What init has made and every start needs. */
export interface ServerState extends OpenStore {
  readonly pki: Pki;
  /** The controller's own WireGuard key, X25519, 32 bytes. */
  readonly wgPrivateKey: Buffer;
  /** Whether this very call has made the cluster. */
  readonly isNew: boolean;
}

/** What the server's folder is opened with. */
export interface StateDeps extends Pick<StoreOptions, 'clock' | 'log' | 'onCommit'> {
  /** Refuses a folder that holds a cluster, and leaves it as it is. */
  readonly mustBeNew?: boolean;
  /** Called with the store's file before its tables are changed, if they are. */
  readonly beforeMigration?: (file: string) => Promise<void>;
}

/**
 * Opens the server's folder, and makes what is missing of it: store, both CAs, WireGuard key, cluster, networks.
 *
 * The cluster record is written last, so a first start that was cut short is simply done again; until then nothing
 * has been handed out that depends on it.
 *
 * @throws DomainError `store_failed`, `key_file_unsafe`, `state_invalid`, `config_invalid` when a network that has nodes
 *   would change its addresses, `already_initialised`.
 */
export async function openServerState(config: ServerConfig, deps: StateDeps): Promise<ServerState> {
  await makePrivateDir(config.workDir);
  if (config.store.engine === 'sqlite') await deps.beforeMigration?.(storeFile(config));
  const opened = limited(await openConfiguredStore(config, deps), config);
  const isObserver = config.replica.role === 'observer';
  try {
    await refuseHalfFilled(opened.store);
    const cluster = opened.repository.view.cluster()?.value;
    if (isObserver && cluster === undefined) throw new DomainError('not_initialised', 'store: holds no cluster, and an observer makes none; start another server first');
    if (deps.mustBeNew === true && cluster !== undefined) throw alreadyInitialised(config, cluster);
    const clusterId = cluster?.id ?? randomBytes(8).toString('hex');
    const pki = await openOrCreatePki(config, clusterId, deps.clock, cluster === undefined);
    const wgPrivateKey = await wireGuardKey(join(config.workDir, 'wireguard.key'), cluster === undefined);
    if (cluster === undefined) await createCluster(opened, pki, wireGuardPublicKey(wgPrivateKey), deps.clock);
    else await recordAuthorities(opened, pki, deps.clock);
    if (config.store.engine === 'etcd') checkSharedSecrets(opened.repository.view, pki, wireGuardPublicKey(wgPrivateKey), config.workDir);
    pki.follow(standingOf(opened.repository.view));
    if (!isObserver) {
      await reconcileNetworks(opened.repository, config.networks, deps.clock, deps.log);
      await reconcileStaticServices(opened.repository, config.services, deps.clock, deps.log);
    }
    return { ...opened, pki, wgPrivateKey, isNew: cluster === undefined };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/**
 * Makes the server's folder, for `nc-server init`.
 *
 * @throws DomainError `already_initialised` and what {@link openServerState} throws.
 */
export async function initServer(config: ServerConfig, deps: { clock: Clock; log: Log }): Promise<{ readonly clusterId: string }> {
  const state = await openServerState(config, { ...deps, mustBeNew: true });
  await state.close();
  return { clusterId: state.pki.clusterId };
}

/** Among other servers there are things that one cannot do, or not at the moment. */
function limited(opened: OpenStore, { store, replica }: ServerConfig): OpenStore {
  return store.engine === 'sqlite' ? opened : { ...opened, repository: limitedRepository(opened.repository, replica) };
}

/** A restore or a migration that was cut short has left records and no cluster: a start must not make another one around them. */
async function refuseHalfFilled(store: Store): Promise<void> {
  const mark = await store.get(keys.restoring());
  if (mark === undefined) return;
  const what = decodeRecord('restoring', mark.key, mark.value);
  throw new DomainError('state_invalid', `store: want it whole, but the filling of it from the ${what} was cut short; do that again with the same command`);
}

function alreadyInitialised({ workDir }: ServerConfig, { id }: ClusterRecord): DomainError {
  return new DomainError('already_initialised', `${workDir}: holds cluster ${id} already; start it, or choose another server.workDir`);
}

async function openOrCreatePki(config: ServerConfig, clusterId: string, clock: Clock, mayCreate: boolean): Promise<Pki> {
  const { grpcMs, networkMs, serverMs } = config.certificates;
  const lifetimes = { ...DEFAULT_LIFETIMES, nodeGrpcMs: grpcMs, nodeNetworkMs: networkMs, serverMs };
  const options = { dir: join(config.workDir, 'pki'), clusterId, lifetimes };
  if (mayCreate) {
    try {
      return await createPki({ ...options, nowMs: clock.now() });
    } catch (error) {
      // Both CAs are there: a first start got this far and no further.
      if (!(error instanceof DomainError && error.code === 'already_initialised')) throw error;
    }
  }
  return openPki(options);
}

async function wireGuardKey(path: string, mayCreate: boolean): Promise<Buffer> {
  if (mayCreate) {
    try {
      await createFileAtomic(path, `${formatWireGuardKey(generateWireGuardKeys().privateKey)}\n`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  return parseWireGuardKey((await readPrivateFile(path)).trim());
}

/** The first transaction: the cluster, its CAs, and what to trust. */
async function createCluster({ repository }: OpenStore, pki: Pki, wgPublicKey: Buffer, clock: Clock): Promise<void> {
  const key = keys.cluster();
  const record: ClusterRecord = { id: pki.clusterId, epoch: randomBytes(8).toString('hex'), createdAtMs: clock.now(), wgPublicKey };
  await repository.update((view) => ({
    if: [{ key, absent: true }],
    then: isMade(view, record) ? [] : [{ put: key, value: ClusterRecord.encode(record).finish() }, ...firstAuthorities(pki, clock.now())],
    result: undefined,
  }));
}

/** @throws DomainError `already_initialised` when another server was faster. */
function isMade(view: LocalView, { id }: ClusterRecord): boolean {
  const found = view.cluster()?.value;
  if (found !== undefined && found.id !== id) {
    throw new DomainError('already_initialised', `store: another nc-server has just made cluster ${found.id}; copy its pki folder and wireguard.key into server.workDir, then start again`);
  }
  return found !== undefined;
}

/** A store of an earlier version knows nothing of its CAs. */
async function recordAuthorities({ repository }: OpenStore, pki: Pki, clock: Clock): Promise<void> {
  await repository.update((view) => ({
    if: [],
    then: view.cas('grpc').length === 0 ? firstAuthorities(pki, clock.now()) : [],
    result: undefined,
  }));
}
