import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env as ownEnvironment, execPath } from 'node:process';
import { onTestFinished } from 'vitest';
import { freePorts } from './free-ports.js';
import { until } from './until.js';

/** `nc-server` as a process of its own, for tests that kill it. */
export interface ServerProcess {
  readonly adminSocket: string;
  readonly workDir: string;
  readonly ports: { readonly bootstrap: number; readonly control: number };
  /** Of the process that runs now. */
  readonly pid: number;
  /** SIGKILL, or SIGTERM, and wait until it is gone. */
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Stands still after SIGSTOP and goes on after SIGCONT. */
  pause(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Starts it again on the same folder and ports. */
  start(): Promise<void>;
}

/** On a machine that is busy with other tests. */
const START_MS = 60_000;

/** Runs `nc-server` on free ports of loopback with its folder in `dir`; killed when the test is over. */
export async function startServerProcess(dir: string): Promise<ServerProcess> {
  const process = await launchServerProcess(dir);
  onTestFinished(() => process.kill());
  return process;
}

/** The same for whoever kills it himself. @param settings Lines of YAML under `server:`. @param env What it has in its environment. */
export async function launchServerProcess(dir: string, settings: readonly string[] = [], env = ownEnvironment): Promise<ServerProcess> {
  const [port, grpcPort, bootstrapPort, httpsPort] = await freePorts(4);
  const adminSocket = join(dir, 'run', 'admin.sock');
  const lines = ['ip: 127.0.0.1', 'bindAddress: 127.0.0.1', `port: ${port}`, `grpcPort: ${grpcPort}`, `bootstrapPort: ${bootstrapPort}`, `httpsPort: ${httpsPort}`, 'workDir: work', 'networkAddr: 10.66.0.0/18', 'adminSocket: run/admin.sock', 'metrics: { listen: "" }', ...settings];
  const config = join(dir, 'server.yml');
  writeFileSync(config, `server:\n${lines.map((line) => `  ${line}\n`).join('')}`);
  let child: ChildProcess | undefined;
  let output = '';
  const process: ServerProcess = {
    adminSocket,
    workDir: join(dir, 'work'),
    ports: { bootstrap: bootstrapPort!, control: grpcPort! },
    get pid() {
      return child?.pid ?? 0;
    },
    async start() {
      child = spawn(execPath, ['--import', 'tsx', 'src/server/main.ts', '--config', config], { stdio: ['ignore', 'pipe', 'pipe'], env });
      output = '';
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes: Buffer) => (output += bytes.toString()));
      await until(() => {
        if (child?.exitCode !== null) throw new Error(`nc-server ended: ${output}`);
        return output.includes('serving') && existsSync(adminSocket);
      }, 'nc-server to serve', START_MS);
    },
    pause: (signal) => void child?.kill(signal),
    async kill(signal = 'SIGKILL') {
      const running = child;
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
      const gone = new Promise((resolve) => running.once('exit', resolve));
      running.kill(signal);
      await gone;
    },
  };
  try {
    await process.start();
  } catch (error) {
    await process.kill();
    throw error;
  }
  return process;
}
