import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { DomainError } from '../../domain/errors.js';
import { run } from '../run.js';

/** How long it may take until the interface answers: a busy machine, not a quick one. */
const START_LIMIT_MS = 10_000;

/** Where wireguard-go listens for wg(8). Unlike the interface, the path is shared by all network namespaces that share /run. */
const SOCKET_FOLDER = '/run/wireguard';

/**
 * Starts wireguard-go for `interfaceName` and waits until wg(8) reaches it.
 *
 * It runs in a session of its own and writes to a file, so it outlives the agent that started it.
 *
 * @param logPath Gets its complaints; emptied first.
 * @throws DomainError `device_failed` with the complaint.
 */
export async function startWireGuardGo(interfaceName: string, logPath: string): Promise<ChildProcess> {
  const log = openSync(logPath, 'w', 0o600);
  const child = spawn('wireguard-go', ['-f', interfaceName], {
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: process.env['PATH'], LOG_LEVEL: 'error', WG_PROCESS_FOREGROUND: '1' },
  });
  closeSync(log);
  child.unref();
  let failure: unknown;
  child.once('error', (error) => (failure = error));
  const endMs = Date.now() + START_LIMIT_MS;
  while (!(await answers(interfaceName))) {
    const ended = child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
    if (ended || Date.now() > endMs) {
      child.kill('SIGKILL');
      throw new DomainError('device_failed', complaint(interfaceName, logPath, child), { cause: failure });
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return child;
}

/** Takes away what wireguard-go leaves: its socket when it was not asked to end, and the folder always. */
export function removeSocket(interfaceName: string): void {
  rmSync(socketOf(interfaceName), { force: true });
  removeSocketFolder();
}

/** Takes away the folder that wireguard-go makes, unless another one's socket is in it. */
export function removeSocketFolder(): void {
  try {
    rmdirSync(SOCKET_FOLDER);
  } catch (error) {
    if (!['ENOTEMPTY', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/**
 * wg(8) is asked only when the socket takes connections: it deletes a socket that refuses one, and between bind(2) and listen(2) a new
 * one does.
 */
async function answers(interfaceName: string): Promise<boolean> {
  const probe = connect(socketOf(interfaceName));
  try {
    await once(probe, 'connect');
    await run('wg', ['show', interfaceName, 'listen-port']);
    return true;
  } catch {
    return false;
  } finally {
    probe.destroy();
  }
}

function socketOf(interfaceName: string): string {
  return join(SOCKET_FOLDER, `${interfaceName}.sock`);
}

function complaint(interfaceName: string, logPath: string, child: ChildProcess): string {
  if (child.pid === undefined) return 'device: want WireGuard in the kernel or the program wireguard-go, found neither; install one of them';
  const said = readFileSync(logPath, 'utf8').trim().split('\n').at(-1) ?? '';
  return `device: wireguard-go could not make the interface ${interfaceName}: ${said || 'it said nothing'}`;
}
