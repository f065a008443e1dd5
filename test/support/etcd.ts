import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { Metadata } from '@grpc/grpc-js';
import { EtcdMember } from '../../src/server/store/etcd/etcd-member.js';
import type { EtcdOptions } from '../../src/server/store/etcd/etcd-store.js';
import { systemClock } from '../../src/platform/clock.js';
import { silentLog } from '../../src/platform/log.js';
import { freePorts } from './free-ports.js';
import { testCa, testLeaf } from './test-ca.js';
import { until } from './until.js';

/** The binary under test: Debian's, or another one by NC_ETCD_BIN. */
export const etcdProgram = process.env['NC_ETCD_BIN'] ?? 'etcd';

/** Fields and values of etcd's AlarmRequest. @see https://etcd.io/docs/v3.5/dev-guide/api_reference_v3/ */
const [ALARM_ACTION, ALARM_MEMBER, ALARM_KIND] = [1 << 3, 2 << 3, 3 << 3];
const DEACTIVATE = 2;
const NO_SPACE = 1;

/** Why no etcd can be run here; undefined where one can. In CI the tests fail instead. */
export const noEtcd: string | undefined =
  process.env['CI'] === undefined && spawnSync(etcdProgram, ['--version']).error !== undefined
    ? 'no etcd here: apt-get install etcd-server, or set NC_ETCD_BIN'
    : undefined;

/** Files of a TLS identity. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Three members on loopback with ports, certificates and a folder of their own. Use one a test file: starting takes a second or two. */
export class EtcdCluster {
  readonly endpoints: readonly string[];
  readonly tls: TlsFiles;
  readonly #dir: string;
  readonly #peers: readonly string[];
  readonly #flags: Readonly<Record<string, string>>;
  readonly #processes: (ChildProcess | undefined)[] = [undefined, undefined, undefined];

  private constructor(dir: string, ports: readonly number[], flags: Readonly<Record<string, string>>) {
    this.#dir = dir;
    this.#flags = flags;
    this.endpoints = ports.slice(0, 3).map((port) => `https://127.0.0.1:${port}`);
    this.#peers = ports.slice(3).map((port) => `https://127.0.0.1:${port}`);
    this.tls = writeCertificates(dir);
  }

  /** Starts the cluster and waits until each member answers and knows a leader. @param flags More of etcd's, without the dashes. */
  static async start(flags: Readonly<Record<string, string>> = {}): Promise<EtcdCluster> {
    const cluster = new EtcdCluster(mkdtempSync(join(tmpdir(), 'nc-etcd-')), await freePorts(6), flags);
    for (const i of [0, 1, 2]) cluster.#spawn(i);
    try {
      await cluster.healthy();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** What to open a store with. `first` is the member to ask first. */
  options(first = 0): EtcdOptions {
    const endpoints = [...this.endpoints.slice(first), ...this.endpoints.slice(0, first)];
    const { ca, cert, key } = this.tls;
    const tls = { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) };
    // A machine that is busy with other tests is slow.
    return { endpoints, tls, requestTimeoutMs: 2_000, allowOldVersion: true, clock: systemClock, log: silentLog };
  }

  /** Waits until every member that runs answers and knows a leader. */
  async healthy(): Promise<void> {
    await until(async () => (await this.leader()) !== undefined, 'etcd to have a leader', 40_000);
  }

  /** Which member leads, 0 to 2, as all that run agree; undefined while they do not. */
  async leader(): Promise<number | undefined> {
    const answers = await Promise.all([0, 1, 2].map(async (i) => (this.#processes[i] ? this.#status(i) : undefined)));
    const running = answers.filter((_, i) => this.#processes[i]);
    const [first] = running;
    if (first === undefined || first.leader === 0n || running.some((answer) => answer?.leader !== first.leader)) return undefined;
    const leading = answers.findIndex((answer) => answer?.memberId === first.leader);
    return leading < 0 ? undefined : leading;
  }

  /** Sends `signal` to a member; waits for its end unless it only pauses. */
  async signal(member: number, signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const child = this.#processes[member];
    if (child === undefined) return;
    const isOver = signal === 'SIGKILL' || signal === 'SIGTERM';
    const gone = isOver && child.exitCode === null && child.signalCode === null ? new Promise((resolve) => child.once('exit', resolve)) : undefined;
    if (isOver) this.#processes[member] = undefined;
    child.kill(signal);
    await gone;
  }

  /** Starts a member again on what it had. */
  async restart(member: number): Promise<void> {
    this.#spawn(member);
    await this.healthy();
  }

  /**
   * What an operator does after etcd has used up its space, and has compacted its history: every member gives back what it has freed, and
   * the alarms are disarmed.
   */
  async makeRoom(): Promise<void> {
    for (const endpoint of this.endpoints) await this.#maintain(endpoint, 'Defragment');
    const disarmAll = new BinaryWriter().uint32(ALARM_ACTION).int32(DEACTIVATE).uint32(ALARM_KIND).int32(NO_SPACE).finish();
    for (const endpoint of this.endpoints) {
      const member = (await this.#status(this.endpoints.indexOf(endpoint)))?.memberId ?? 0n;
      await this.#maintain(endpoint, 'Alarm', Buffer.concat([disarmAll, new BinaryWriter().uint32(ALARM_MEMBER).uint64(member).finish()]));
    }
  }

  /** Ends all members and removes the folder. */
  async stop(): Promise<void> {
    await Promise.all([0, 1, 2].map((member) => this.signal(member, 'SIGKILL')));
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  #spawn(i: number): void {
    const name = `m${i}`;
    const { ca, cert, key } = this.tls;
    const [client, peer] = [this.endpoints[i] as string, this.#peers[i] as string];
    const args = {
      name,
      'data-dir': join(this.#dir, name),
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': this.#peers.map((url, n) => `m${n}=${url}`).join(','),
      'initial-cluster-state': 'new',
      'trusted-ca-file': ca, 'cert-file': cert, 'key-file': key, 'client-cert-auth': 'true',
      'peer-trusted-ca-file': ca, 'peer-cert-file': cert, 'peer-key-file': key, 'peer-client-cert-auth': 'true',
      'pre-vote': 'true',
      logger: 'zap',
      ...this.#flags,
    };
    const child = spawn(etcdProgram, Object.entries(args).map(([flag, value]) => `--${flag}=${value}`), { stdio: ['ignore', 'pipe', 'pipe'] });
    const log = createWriteStream(join(this.#dir, `${name}.log`), { flags: 'a' });
    for (const stream of [child.stdout, child.stderr]) stream.pipe(log, { end: false });
    this.#processes[i] = child;
  }

  #maintain(endpoint: string, method: string, request = Buffer.alloc(0)): Promise<void> {
    const member = new EtcdMember(endpoint, this.options().tls);
    const bytes = (message: Buffer): Buffer => message;
    return new Promise((resolve, reject) => {
      member.maintenance.makeUnaryRequest(`/etcdserverpb.Maintenance/${method}`, bytes, bytes, request, new Metadata(), { deadline: Date.now() + 20_000 }, (error) => {
        member.close();
        if (error) reject(error);
        else resolve();
      });
    });
  }

  /** The member's own id and that of its leader; undefined when it does not answer. */
  #status(i: number): Promise<{ memberId: bigint; leader: bigint } | undefined> {
    const member = new EtcdMember(this.endpoints[i] as string, this.options().tls);
    return new Promise((resolve) => {
      member.maintenance.status({}, new Metadata(), { deadline: Date.now() + 2_000 }, (error, status) => {
        member.close();
        resolve(error ? undefined : { memberId: status.header?.memberId ?? 0n, leader: status.leader });
      });
    });
  }
}

/** One CA, and one certificate for both ends of every connection. */
function writeCertificates(dir: string): TlsFiles {
  const ca = testCa('etcd-test-ca');
  const leaf = testLeaf(ca, { commonName: 'etcd-test', names: { dns: ['localhost'], ips: ['127.0.0.1'] } });
  const contents = { ca: ca.pem, cert: leaf.pem, key: leaf.keyPem };
  const files = { ca: join(dir, 'ca.pem'), cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
  for (const part of ['ca', 'cert', 'key'] as const) writeFileSync(files[part], contents[part], { mode: 0o600 });
  return files;
}
