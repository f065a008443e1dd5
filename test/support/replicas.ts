import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetStatusRequest, type Replica } from '../../src/gen/networkcontroller/v1/admin.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { EtcdCluster } from './etcd.js';
import { startTestServer, type TestServer, type TestServerOptions } from './server.js';
import { tmpDir } from './tmp-dir.js';
import { until } from './until.js';

const SECRETS = ['pki', 'wireguard.key'];

/** Controllers of one cluster on one etcd. Use one a test file: starting etcd takes a second or two. */
export class TestCluster {
  readonly etcd: EtcdCluster;
  /** The secrets of the first controller, which the others are given. */
  readonly secrets = mkdtempSync(join(tmpdir(), 'nc-test-'));
  #isMade = false;

  private constructor(etcd: EtcdCluster) {
    this.etcd = etcd;
  }

  static async start(): Promise<TestCluster> {
    return new TestCluster(await EtcdCluster.start());
  }

  /** The line of `server.yml` that names the etcd. */
  get store(): string {
    const { ca, cert, key } = this.etcd.tls;
    return `store: { engine: etcd, endpoints: [${this.etcd.endpoints.map((url) => `"${url}"`).join(', ')}], ca: ${ca}, cert: ${cert}, key: ${key}, allowOldVersion: true, requestTimeout: 2s }`;
  }

  /** A folder for a further controller, with the secrets of the first. */
  folder(): string {
    const dir = tmpDir();
    mkdirSync(join(dir, 'work'), { recursive: true, mode: 0o700 });
    for (const secret of this.#isMade ? SECRETS : []) cpSync(join(this.secrets, secret), join(dir, 'work', secret), { recursive: true });
    return dir;
  }

  /** A controller of the cluster until the test is over; the first one makes it, the others have its secrets. */
  async replica(options: TestServerOptions = {}): Promise<TestServer> {
    const server = await startTestServer({ ...options, dir: options.dir ?? this.folder(), settings: [...(options.settings ?? []), this.store] });
    if (!this.#isMade) for (const secret of SECRETS) cpSync(join(server.dir, 'work', secret), join(this.secrets, secret), { recursive: true });
    this.#isMade = true;
    return server;
  }

  async stop(): Promise<void> {
    await this.etcd.stop();
    rmSync(this.secrets, { recursive: true });
  }
}

/** The servers of the cluster as `server` knows them. */
export async function replicasAt({ admin }: Pick<TestServer, 'admin'>): Promise<Replica[]> {
  return (await callUnary(admin, 'getStatus', GetStatusRequest.fromPartial({ summaryOnly: true }))).replicas;
}

/** Waits until a server knows the replica called `name` in one of `states`. */
export function replicaIn(server: Pick<TestServer, 'admin'>, name: string, ...states: string[]): Promise<Replica> {
  return until(async () => (await replicasAt(server)).find((replica) => replica.name === name && states.includes(replica.state)), `${name} to be ${states.join(' or ')}`, 60_000);
}
