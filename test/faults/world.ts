import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverName } from '../../src/domain/certificate.js';
import { parseJoinString } from '../../src/domain/join-string.js';
import { AdminServiceClient, CreateTokenRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { makeFirstContact } from '../../src/platform/first-contact.js';
import { callUnary, connect, type ClientTls } from '../../src/platform/rpc-client.js';
import { EtcdStore } from '../../src/server/store/etcd/etcd-store.js';
import type { AppliedRevision } from '../../src/server/store/local-view.js';
import { Snapshot } from '../../src/server/store/snapshot.js';
import { EtcdCluster } from '../support/etcd.js';
import { launchServerProcess, type ServerProcess } from '../support/server-process.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

/** What every server of the cluster must have alike. */
const SECRETS = ['pki', 'wireguard.key'];

/** After faults on a busy machine. */
const PATIENCE_MS = 60_000;

/** Three members of etcd, three servers as processes, and between them proxies that can lose replies. */
export class World {
  readonly cluster: EtcdCluster;
  /** One before each member. */
  readonly proxies: readonly TcpProxy[];
  readonly replicas: readonly ServerProcess[];
  readonly admins: readonly AdminServiceClient[];
  /** What a client believes of any of the servers. */
  readonly tls: ClientTls;
  /** Goes past the proxies. */
  readonly store: EtcdStore;
  readonly #dir: string;

  private constructor(parts: Pick<World, 'cluster' | 'proxies' | 'replicas' | 'admins' | 'tls' | 'store'>, dir: string) {
    this.cluster = parts.cluster;
    this.proxies = parts.proxies;
    this.replicas = parts.replicas;
    this.admins = parts.admins;
    this.tls = parts.tls;
    this.store = parts.store;
    this.#dir = dir;
  }

  /** Starts all of it; the first server makes the cluster. */
  static async start(): Promise<World> {
    const dir = mkdtempSync(join(tmpdir(), 'nc-faults-'));
    const cluster = await EtcdCluster.start();
    const proxies = await Promise.all(cluster.endpoints.map((endpoint) => TcpProxy.start(Number(new URL(endpoint).port))));
    const first = await launchServerProcess(folderOf(dir, 0), [storeOf(cluster, proxies, 0)]);
    const others = await Promise.all(
      [1, 2].map((i) => {
        const work = join(folderOf(dir, i), 'work');
        mkdirSync(work, { mode: 0o700 });
        for (const secret of SECRETS) cpSync(join(first.workDir, secret), join(work, secret), { recursive: true });
        return launchServerProcess(folderOf(dir, i), [storeOf(cluster, proxies, i)]);
      }),
    );
    const replicas = [first, ...others];
    const admins = replicas.map(({ adminSocket }) => connect(AdminServiceClient, { socketPath: adminSocket }));
    const { join: text } = await callUnary(admins[0]!, 'createToken', CreateTokenRequest.fromPartial({}));
    const { endpoints, pins } = parseJoinString(text);
    const { caPem, clusterId, client } = await makeFirstContact(endpoints, pins, { nowMs: Date.now() });
    client.close();
    const store = await EtcdStore.open(cluster.options());
    return new World({ cluster, proxies, replicas, admins, tls: { ca: caPem, serverName: serverName(clusterId) }, store }, dir);
  }

  /** What each server has recorded, by its name, once all have come to where etcd is. */
  async logs(): Promise<Map<string, readonly AppliedRevision[]>> {
    const rev = await this.store.currentRev();
    const logs = new Map<string, readonly AppliedRevision[]>();
    for (const [i, { workDir }] of this.replicas.entries()) {
      const folder = join(workDir, 'db');
      const copy = new Snapshot(join(folder, readdirSync(folder).find((name) => /^etcd-.*\.db$/.test(name))!));
      try {
        await until(() => (copy.advance(), copy.rev >= rev), `server ${i} to come to revision ${rev}`, PATIENCE_MS);
        logs.set(`server ${i}`, copy.log.revisionsFrom(copy.log.compactRev + 1n, Number.MAX_SAFE_INTEGER) ?? []);
      } finally {
        copy.db.close();
      }
    }
    return logs;
  }

  /** Ends all of it, whatever state it is in. */
  async stop(): Promise<void> {
    for (const admin of this.admins) admin.close();
    await Promise.all(this.replicas.map((replica) => replica.kill()));
    await this.store.close();
    await this.cluster.stop();
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

function folderOf(dir: string, i: number): string {
  const folder = join(dir, `server-${i}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Each server asks another member first. */
function storeOf({ tls: { ca, cert, key } }: EtcdCluster, proxies: readonly TcpProxy[], i: number): string {
  const endpoints = [...proxies.slice(i), ...proxies.slice(0, i)].map(({ port }) => `"https://127.0.0.1:${port}"`);
  return `store: { engine: etcd, endpoints: [${endpoints.join(', ')}], ca: ${ca}, cert: ${cert}, key: ${key}, allowOldVersion: true, requestTimeout: 1s }`;
}
