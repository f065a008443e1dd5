import { describe, expect, it } from 'vitest';
import { GetStatusResponse } from '../../src/gen/networkcontroller/v1/admin.js';
import { bootstrapService, startTlsTestListener, type TestListener } from '../support/rpc-listener.js';
import { testCa } from '../support/test-ca.js';
import { ncadm, startController } from './support.js';

describe('ncadm health', () => {
  it('ends with exit code 3 when the controller cannot be reached', async () => {
    const { exitCode, stderr } = await ncadm(['--socket', '/nowhere/admin.sock', 'health']);

    expect(exitCode).toBe(3);
    expect(stderr).toContain('ncadm: unavailable: ');
  });

  it('ends with exit code 3 when the bootstrap listener is gone, and shows what does serve', async () => {
    const bootstrap = await startBootstrap('running');
    const socket = await startControllerBeside(bootstrap);
    await bootstrap.server.stop();

    const { exitCode, stdout, stderr } = await ncadm(['--socket', socket, 'health']);

    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/^control +\S+ +serving +running$/m);
    expect(stdout).toMatch(/^bootstrap +127\.0\.0\.1:\d+ +unreachable /m);
    expect(stderr).toContain(`ncadm: unavailable: the bootstrap listener cannot be reached at ${bootstrap.target.address}`);
  });

  it('believes no bootstrap listener with a certificate of another CA', async () => {
    const bootstrap = await startBootstrap('running');
    const socket = await startControllerBeside(bootstrap, testCa().der);

    const { exitCode, stdout } = await ncadm(['--socket', socket, 'health', '-o', 'json']);

    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject([{ status: 'serving' }, { listener: 'bootstrap', status: 'unreachable' }]);
  });

  it.each([
    ['the server drains', 'draining', 'draining', 'control'],
    ['the bootstrap listener drains', 'running', 'draining', 'bootstrap'],
  ])('ends with exit code 1 while %s', async (_what, control, listener, blamed) => {
    const socket = await startControllerBeside(await startBootstrap(listener), undefined, control);

    const { exitCode, stderr } = await ncadm(['--socket', socket, 'health']);

    expect([exitCode, stderr]).toEqual([1, `ncadm: draining: the ${blamed} listener does not serve: draining\n`]);
  });

  it('ends with exit code 0 when both serve', async () => {
    const socket = await startControllerBeside(await startBootstrap('running'));

    const { exitCode, stdout, stderr } = await ncadm(['--socket', socket, 'health', '--no-headers']);

    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout.trimEnd().split('\n').map((line) => line.split(/ {2,}/)[2])).toEqual(['serving', 'serving']);
  });
});

function startBootstrap(state: string): Promise<TestListener> {
  const healthCheck = () => Promise.resolve({ code: '200', version: '0.1.0', state });
  return startTlsTestListener({ services: [bootstrapService({ healthCheck })] });
}

/** A controller of cluster c1, which names that listener and the CA to believe. */
function startControllerBeside(bootstrap: TestListener, ca: Uint8Array = bootstrap.ca.der, state = 'running'): Promise<string> {
  const status = { cluster: { id: 'c1', epoch: '1', revision: 1n }, state, bootstrapEndpoints: [bootstrap.target.address], grpcCas: { certificates: [Buffer.from(ca)] } };
  return startController({ getStatus: () => GetStatusResponse.create(status) });
}
