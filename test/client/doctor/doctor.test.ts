import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { contactController } from '../../../src/client/doctor/contact.js';
import type { Finding } from '../../../src/client/doctor/finding.js';
import { joinNode } from '../../../src/client/join.js';
import { run } from '../../../src/client/run.js';
import { StateFolder } from '../../../src/client/state/state-folder.js';
import { systemClock, type Clock } from '../../../src/platform/clock.js';
import type { ClientConfig } from '../../../src/platform/config/client-config.js';
import { silentLog } from '../../../src/platform/log.js';
import { clientConfig, runAgent } from '../../support/client-node.js';
import { openController, startController, type Controller } from '../../support/controller.js';
import { writeConfig } from '../../support/nc-client.js';
import { tmpDir } from '../../support/tmp-dir.js';

let controller: Controller;
beforeAll(async () => {
  controller = await openController();
});
afterAll(() => controller.stop());

async function joined(): Promise<ClientConfig> {
  const config = clientConfig({ name: '' });
  await joinNode(config, await controller.joinString());
  return config;
}

/** Runs `nc-client doctor -o json` in this process. */
async function doctor({ stateDir, device }: Pick<ClientConfig, 'stateDir' | 'device'>, clock: Clock = systemClock): Promise<{ exitCode: number; healthy: boolean; findings: Finding[]; stderr: string }> {
  let [stdout, stderr] = ['', ''];
  const io = { stdin: Readable.from(['']), stdout: { write: (text: string) => (stdout += text) }, stderr: { write: (text: string) => (stderr += text) }, env: {} };
  const exitCode = await run(['-c', writeConfig({ stateDir, device }), '-o', 'json', 'doctor'], io, clock);
  return { exitCode, stderr, ...(JSON.parse(stdout) as { healthy: boolean; findings: Finding[] }) };
}

const ahead = (ms: number): Clock => ({ ...systemClock, now: () => Date.now() + ms, after: systemClock.after.bind(systemClock), every: systemClock.every.bind(systemClock) });
const of = (findings: readonly Finding[], check: string): Finding[] => findings.filter((finding) => finding.check === check);

describe('nc-client doctor', () => {
  it('ends with 1 on a machine that has not joined, makes no folder, and says what to do', async () => {
    const { exitCode, healthy, findings, stderr } = await doctor({ stateDir: join(tmpDir(), 'state'), device: 'recorded' });

    expect([exitCode, healthy]).toEqual([1, false]);
    expect(findings[0]).toMatchObject({ check: 'state', result: 'fail', mend: expect.stringContaining('ncadm token create') });
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'check_failed' } });
  });

  it('ends with 0 where all is well', async () => {
    const config = await joined();
    const { agent } = await runAgent(config);
    await agent.ready;

    const { exitCode, findings } = await doctor(config);

    expect(findings.filter(({ result }) => result === 'fail')).toEqual([]);
    expect(exitCode).toBe(0);
    expect(of(findings, 'clock')).toMatchObject([{ result: 'ok' }]);
    expect(of(findings, 'controller').map(({ result }) => result)).toEqual(['ok', 'ok']);
  });

  it('looks at the controller also when the agent is down, and ends with 1 for that', async () => {
    const { exitCode, findings } = await doctor(await joined());

    expect(exitCode).toBe(1);
    expect(of(findings, 'agent')).toMatchObject([{ result: 'fail', says: 'the agent is not running' }]);
    expect(of(findings, 'controller').map(({ result }) => result)).toEqual(['ok', 'ok']);
  });

  it('finds a folder that others may enter', async () => {
    const config = await joined();
    chmodSync(config.stateDir, 0o755);

    const { exitCode, findings } = await doctor(config);

    expect(exitCode).toBe(1);
    expect(findings[0]).toMatchObject({ check: 'state', result: 'fail', says: expect.stringContaining('want mode 700, found 755') });
  });

  it.each([
    ['ahead', 3_600_000, /^3[56]\d\d s|this clock is 3[56]\d\d s ahead/],
    ['behind', -3_600_000, /this clock is 3[56]\d\d s behind/],
  ])('finds a clock that is an hour %s, by the controller’s own', async (_where, ms, says) => {
    const { exitCode, findings } = await doctor(await joined(), ahead(ms));

    expect(exitCode).toBe(1);
    expect(of(findings, 'clock')).toMatchObject([{ result: 'fail', says: expect.stringMatching(says) }]);
  });

  it('finds a controller that is gone, by port', async () => {
    const gone = await startController();
    const config = clientConfig({ name: '' });
    await joinNode(config, await gone.joinString());
    const { control, bootstrap } = gone.server.ports;
    await gone.stop();

    const { findings } = await doctor(config);

    expect(of(findings, 'controller')).toMatchObject([
      { result: 'fail', says: expect.stringContaining(`127.0.0.1:${control} (control) cannot be reached by TCP`), mend: expect.stringContaining(`port ${control}`) },
      { result: 'warn', says: expect.stringContaining(`127.0.0.1:${bootstrap} (bootstrap)`) },
    ]);
    expect(of(findings, 'clock')).toMatchObject([{ result: 'warn' }]);
  });

  it('finds a node that was revoked', async () => {
    const config = clientConfig({ name: 'revoked' });
    await joinNode(config, await controller.joinString());
    await new Promise((resolve, reject) => controller.admin.revokeNode({ node: 'revoked', network: '', reason: '' }, (error) => (error ? reject(error) : resolve(undefined))));

    const { exitCode, findings } = await doctor(config);

    expect(exitCode).toBe(1);
    expect(of(findings, 'controller')[0]).toMatchObject({ result: 'fail', says: expect.stringContaining('refuses this node') });
  });

  it('prints for people what is wrong and, under it, what to do', async () => {
    let stdout = '';
    const io = { stdin: Readable.from(['']), stdout: { write: (text: string) => (stdout += text) }, stderr: { write: () => {} }, env: {} };

    await run(['-c', writeConfig({ stateDir: join(tmpDir(), 'state'), device: 'recorded' }), 'doctor'], io);

    expect(stdout).toMatch(/^✗ state {7}\S+ this machine has not joined a network\n +→ ask an admin/);
  });
});

describe('the contact with a listener', () => {
  const membershipOf = async () => StateFolder.open((await joined()).stateDir, silentLog).membership()!;

  it('ends when the other side says nothing that TLS understands, or hangs up', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).end('220 mail ready\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };

    const contact = await contactController(`127.0.0.1:${port}`, await membershipOf(), systemClock);

    expect(contact).toMatchObject({ reached: 'tcp', aheadMs: undefined });
    expect(contact.problem).not.toBe('');
  });

  it('does not believe a certificate of another cluster, and says so', async () => {
    const other = await startController();

    const contact = await contactController(`127.0.0.1:${other.server.ports.bootstrap}`, await membershipOf(), systemClock);

    expect(contact.reached).toBe('tls');
    expect(contact.problem).not.toBe('');
  });
});
