import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ListNodesRequest, ListTokensRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { startTestServer } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';

const MACHINES = 6;

/** Runs `nc-client join` in `dir` and kills it after `killAfterMs`, if it is still there. @returns its exit code, or null when killed. */
function joinProcess(dir: string, joinString: string, killAfterMs: number | undefined): Promise<number | null> {
  const child = spawn('node', ['bin/nc-client.js', '--config', join(dir, 'client.yml'), 'join', '--no-up'], { stdio: ['pipe', 'ignore', 'ignore'] });
  child.stdin.on('error', () => {});
  child.stdin.end(`${joinString}\n`);
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  return new Promise((resolve) =>
    child.once('exit', (code) => {
      clearTimeout(timer);
      resolve(code);
    }),
  );
}

it('a machine whose join is killed at any moment joins with the same string as the same node, and spends one use', async () => {
  const server = await startTestServer();
  const outcomes = [];
  for (let i = 0; i < MACHINES; i++) {
    const dir = tmpDir();
    writeFileSync(join(dir, 'client.yml'), `client:\n  stateDir: ${dir}/state\n  device: recorded\n  name: m${i}\n`);
    const text = await server.token();
    // Short lives first: most kills fall into the registration itself.
    for (let tries = 0; tries < 4; tries++) await joinProcess(dir, text, randomInt(50, 900));
    outcomes.push(await joinProcess(dir, text, undefined));
  }

  // A join that ended before its kill makes the next one say that the machine is joined already.
  for (const code of outcomes) expect([0, 1]).toContain(code);
  const { nodes } = await callUnary(server.admin, 'listNodes', ListNodesRequest.fromPartial({}));
  const members = nodes.filter((node) => !node.reserved);
  expect(members.map((node) => node.name).sort()).toEqual(Array.from({ length: MACHINES }, (_, i) => `m${i}`));
  const { tokens } = await callUnary(server.admin, 'listTokens', ListTokensRequest.fromPartial({ all: true }));
  expect(tokens.map((token) => token.used)).toEqual(Array.from({ length: MACHINES }, () => 1));
}, 180_000);
