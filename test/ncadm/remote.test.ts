import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GetStatusResponse } from '../../src/gen/networkcontroller/v1/admin.js';
import { asAnonymous, asLocal } from '../../src/server/auth/authenticate.js';
import { adminService, SERVER_NAME, startTlsTestListener, type TestListener } from '../support/rpc-listener.js';
import { testCa, testLeaf, type TestCa } from '../support/test-ca.js';
import { tmpDir } from '../support/tmp-dir.js';
import { ncadm, type Run } from './support.js';

describe('ncadm with a controller elsewhere', () => {
  it('asks no server that shows the certificate of another CA', async () => {
    const listener = await startListener();

    const { exitCode, stderr } = await status(listener, { believe: testCa() });

    expect(exitCode).toBe(3);
    expect(stderr).toContain(`nobody answers at ${listener.target.address}`);
  });

  it('asks no server under another name', async () => {
    const listener = await startListener();

    const { exitCode } = await status(listener, { serverName: 'server.c2.nc.internal' });

    expect(exitCode).toBe(3);
  });

  it('is let in by nobody with a certificate of another CA', async () => {
    const listener = await startListener();

    const { exitCode } = await status(listener, { identity: testCa() });

    expect(exitCode).toBe(3);
  });

  it('is refused where its certificate makes it no admin', async () => {
    const listener = await startListener(asAnonymous);

    const { exitCode, stderr } = await status(listener, {});

    expect(exitCode).toBe(1);
    expect(stderr).toContain('"code":"unauthenticated"');
    expect(stderr).toContain('--cert');
  });

  it('gets its answer with an admin certificate', async () => {
    const listener = await startListener();

    const { exitCode, stdout } = await status(listener, {});

    expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { cluster: { id: 'c1' } }]);
  });
});

function startListener(authenticate = asLocal): Promise<TestListener> {
  const getStatus = () => Promise.resolve(GetStatusResponse.create({ cluster: { id: 'c1', epoch: '1', revision: 1n } }));
  return startTlsTestListener({ services: [adminService({ getStatus })], mutual: true, authenticate });
}

/** Asks for the status with a certificate of `identity`, believing `believe`; both are the listener's own CA unless given. */
function status(listener: TestListener, given: { believe?: TestCa; identity?: TestCa; serverName?: string }): Promise<Run> {
  const dir = tmpDir();
  const leaf = testLeaf(given.identity ?? listener.ca, { usages: ['clientAuth'] });
  writeFileSync(join(dir, 'ca.pem'), (given.believe ?? listener.ca).pem);
  writeFileSync(join(dir, 'cert.pem'), leaf.pem);
  writeFileSync(join(dir, 'key.pem'), leaf.keyPem, { mode: 0o600 });
  const files = ['--ca', join(dir, 'ca.pem'), '--cert', join(dir, 'cert.pem'), '--key', join(dir, 'key.pem')];
  return ncadm(['--server', listener.target.address, '--server-name', given.serverName ?? SERVER_NAME, ...files, 'status', '-o', 'json']);
}
