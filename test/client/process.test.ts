import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ListNodesRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import type { ClientConfig } from '../../src/platform/config/client-config.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { openController, type Controller } from '../support/controller.js';
import { writeConfig } from '../support/nc-client.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';

/** How long a process takes from its start to the end of a join is spread over this; kills fall anywhere in it. */
const KILLS_MS = [300, 550, 750, 950, 1_200, 1_600];

let controller: Controller;

beforeAll(async () => {
  controller = await openController();
});
afterAll(() => controller.stop());

describe('nc-client as a process', () => {
  it('joins, leaves its agent behind, and takes up again after the agent was killed', async () => {
    const { path, stateDir } = aConfig();
    const joined = await ncClient(['-c', path, '-o', 'json', 'join', '--name', 'killed'], await controller.joinString());
    expect(joined).toMatchObject({ code: 0, stderr: '' });
    const { pid, bindIp } = JSON.parse(joined.stdout) as { pid: number; bindIp: string };
    onTestFinished(() => endIfThere(pid));

    process.kill(pid, 'SIGKILL');
    await until(async () => (await ncClient(['-c', path, 'status'])).code === 3);
    const again = await ncClient(['-c', path, '-o', 'json', 'up', '--detach']);

    expect(again.code).toBe(0);
    const second = JSON.parse(again.stdout) as { pid: number; bindIp: string };
    onTestFinished(() => endIfThere(second.pid));
    expect(second.bindIp).toBe(bindIp);
    expect((await ncClient(['-c', path, 'down'])).code).toBe(0);
    await until(() => !isThere(second.pid), 'the agent to end');
    expect(readdirSync(stateDir)).not.toContain('agent.sock');
  });

  it('tells why the interface cannot be made while its agent goes on trying', async () => {
    // Every machine has an interface of that name, and it is nobody's WireGuard.
    const { path } = aConfig({ device: 'auto', interfaceName: 'lo' });

    const { code, stderr } = await ncClient(['-c', path, 'join', '--name', 'homeless'], await controller.joinString());

    const pid = Number(/pid (\d+)/.exec(stderr)?.[1]);
    onTestFinished(() => endIfThere(pid));
    expect([code, stderr]).toEqual([1, expect.stringContaining('device_failed')]);
    expect(stderr).toContain('lo exists and is not');
    expect((await ncClient(['-c', path, 'down'])).code).toBe(0);
    await until(() => !isThere(pid), 'the agent to end');
  });

  it('becomes one node with one join string, wherever it is killed on the way', async () => {
    const { path } = aConfig();
    const text = await controller.joinString();

    for (const ms of KILLS_MS) await ncClient(['-c', path, 'join', '--no-up', '--name', 'stubborn'], text, ms);
    const { code, stderr } = await ncClient(['-c', path, 'join', '--no-up', '--name', 'stubborn'], text);

    expect(code === 0 || stderr.includes('already_initialised'), stderr).toBe(true);
    expect((await nodeNames()).filter((name) => name.startsWith('stubborn'))).toEqual(['stubborn']);
  });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param killAfterMs When the process is killed, if it has not ended by itself. */
function ncClient(argv: readonly string[], stdin = '', killAfterMs?: number): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/client/main.ts', ...argv], { stdio: 'pipe' });
    const written = { stdout: '', stderr: '' };
    child.stdout.on('data', (data) => (written.stdout += String(data)));
    child.stderr.on('data', (data) => (written.stderr += String(data)));
    child.stdin.on('error', () => {}).end(stdin);
    const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, ...written });
    });
  });
}

function aConfig(change: Partial<ClientConfig> = {}): { path: string; stateDir: string } {
  const stateDir = join(tmpDir(), 'state');
  return { stateDir, path: writeConfig({ stateDir, device: 'recorded', ...change }) };
}

async function nodeNames(): Promise<string[]> {
  const { nodes } = await callUnary(controller.admin, 'listNodes', ListNodesRequest.fromPartial({ pageSize: 100 }));
  return nodes.map(({ name }) => name);
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function endIfThere(pid: number): void {
  if (isThere(pid)) process.kill(pid, 'SIGKILL');
}
