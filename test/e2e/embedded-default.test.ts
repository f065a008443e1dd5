import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { AdminServiceClient, CreateTokenRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { launchServerProcess } from '../support/server-process.js';
import { joinMachine } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';

it('starts by default with no etcd anywhere, takes nodes and snapshots, and keeps all in one file', async () => {
  const dir = tmpDir();
  const env = { PATH: tmpDir() };
  expect(spawnSync('etcd', ['--version'], { env }).error).toMatchObject({ code: 'ENOENT' });

  const server = await launchServerProcess(dir, [], env);
  onTestFinished(() => server.kill());
  const admin = connect(AdminServiceClient, { socketPath: server.adminSocket });
  onTestFinished(() => admin.close());
  const { join: joinString } = await callUnary(admin, 'createToken', CreateTokenRequest.fromPartial({}));
  const member = await joinMachine(joinString);
  const { snapshot } = await callUnary(admin, 'saveSnapshot', {});

  expect(member.bindIp).toBe('10.66.0.2');
  expect(snapshot!.records).toBeGreaterThan(5);
  expect(readdirSync(join(dir, 'work', 'db')).filter((name) => name.endsWith('.db'))).toEqual(['nc.db']);
}, 120_000);
