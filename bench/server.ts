import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AdminServiceClient, CreateTokenRequest, GetStatusRequest } from '../src/gen/networkcontroller/v1/admin.js';
import { callUnary, connect } from '../src/platform/rpc-client.js';
import { pin } from './pin.js';

/** An nc-server of its own process on loopback, which shares the machine with whoever measures it. */
export interface BenchServer {
  readonly admin: AdminServiceClient;
  /** Makes a token that is good for any number of joins. @returns its join string. */
  joinString(): Promise<string>;
  /** Gives it one core of its own. @see pinned */
  pin(): void;
  /** Of the process, user and system, all threads. */
  cpuSeconds(): number;
  /** Of its main thread alone, on which everything is decided. */
  mainCpuSeconds(): number;
  /** What the process holds in memory (RSS). */
  residentBytes(): number;
  stop(): Promise<void>;
  /** Ends it as a power cut does. */
  kill(): Promise<void>;
}

/** A bench comes from one address, and is nobody to protect oneself from. */
const LIMITS = { connectionsPerSource: 100_000, handshakesPerSecond: 100_000 };
const START_MS = 600_000;
const TICKS_PER_SECOND = 100;

/** Starts it with an empty, durable store, which goes with it. @param more Settings as server.yml has them. */
export async function startBenchServer(more: object = {}): Promise<BenchServer> {
  const folder = mkdtempSync(join(tmpdir(), 'nc-bench-'));
  const server = await runBenchServer(folder, serverSettings(folder, more));
  return {
    ...server,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What stands below `server:` for a server on loopback that keeps all it has in `folder`. @param more Settings as server.yml has them. */
export function serverSettings(folder: string, more: object = {}): object {
  const ports = { port: 0, grpcPort: 0, bootstrapPort: 0, httpsPort: 0 };
  const paths = { workDir: join(folder, 'work'), logDir: join(folder, 'log'), adminSocket: join(folder, 'admin.sock') };
  return { ip: '127.0.0.1', bindAddress: '127.0.0.1', ...ports, networkAddr: '10.0.0.0/8', ...paths, limits: LIMITS, ...more };
}

/** Starts it with what is in `folder`, where it stays. @param settings As {@link serverSettings} makes them. */
export async function runBenchServer(folder: string, settings: object): Promise<BenchServer> {
  const config = join(folder, 'server.yml');
  writeFileSync(config, JSON.stringify({ server: settings }));
  const child = spawn(process.execPath, [...profiling(), '--import', 'tsx', 'src/server/main.ts', '--config', config], { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const admin = connect(AdminServiceClient, { socketPath: join(folder, 'admin.sock') });
  await untilServing(admin, child);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    admin.close();
    child.kill(signal);
    await ended;
  };
  return {
    admin,
    joinString: async () => (await callUnary(admin, 'createToken', CreateTokenRequest.fromPartial({ unboundedUses: true, expireMs: 3_600_000 }))).join,
    pin: () => pin('server', child.pid ?? 0),
    cpuSeconds: () => cpuSecondsOf(child.pid ?? 0),
    // The main thread has the number of its process. @see proc(5) /proc/pid/task
    mainCpuSeconds: () => cpuSecondsOf(`${child.pid}/task/${child.pid}`),
    residentBytes: () => residentBytesOf(child.pid ?? 0),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

/** `BENCH_PROFILE=<folder>` has every server write a CPU profile of each of its threads there when it ends. */
export function profiling(): string[] {
  const folder = process.env['BENCH_PROFILE'];
  return folder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', folder];
}

/** Of a process, user and system, all threads, or of `<pid>/task/<tid>`, one. @see proc(5) /proc/pid/stat, sysconf(3) _SC_CLK_TCK */
export function cpuSecondsOf(of: number | string): number {
  const fields = readFileSync(`/proc/${of}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** @see proc(5) /proc/pid/statm, in pages of 4 KiB */
function residentBytesOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
}

async function untilServing(admin: AdminServiceClient, child: ChildProcess): Promise<void> {
  for (const giveUpMs = Date.now() + START_MS; Date.now() < giveUpMs; await sleep(50)) {
    if (child.exitCode !== null) throw new Error(`nc-server ended with ${child.exitCode}`);
    if (await callUnary(admin, 'getStatus', GetStatusRequest.fromPartial({ summaryOnly: true })).then(() => true, () => false)) return;
  }
  child.kill('SIGKILL');
  throw new Error(`nc-server does not serve after ${START_MS / 1000} s`);
}
