import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GetStatusResponse } from '../../src/gen/networkcontroller/v1/admin.js';
import { asAnonymous, asLocal } from '../../src/server/auth/authenticate.js';
import { adminService, startTlsTestListener, type TestListener } from '../support/rpc-listener.js';
import { testCa, testLeaf, type TestCa } from '../support/test-ca.js';
import { tmpDir } from '../support/tmp-dir.js';
import { ncadm, NOW, type Run } from './support.js';

describe('ncadm with a controller elsewhere', () => {
  it('asks no server that shows the certificate of another CA', async () => {
    const listener = await startListener();

    const { exitCode, stderr } = await status(listener, { believe: testCa() });

    expect(exitCode).toBe(3);
    expect(stderr).toContain(`nobody answers at ${listener.target.address}`);
  });

  it('asks no server of another cluster than its certificate names', async () => {
    const listener = await startListener();

    const { exitCode } = await status(listener, { subject: 'nc://c2/admin/alice' });

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

  it.each([
    ['a key that others may read', { keyMode: 0o640 }, 'key_file_unsafe', 'chmod 600'],
    ['a certificate that names a node', { subject: 'nc://c1/node/4f2a' }, 'certificate_invalid', 'want the certificate of an admin'],
    ['a certificate that has ended', { notAfterMs: NOW - 1 }, 'certificate_invalid', 'ncadm admin create alice'],
  ])('sends nothing with %s', async (_what, given, code, sentence) => {
    const listener = await startListener();

    const { exitCode, stderr } = await status(listener, given);

    expect([exitCode, JSON.parse(stderr)]).toMatchObject([1, { error: { code, message: expect.stringContaining(sentence) } }]);
    expect(listener.lines).toEqual([]);
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
function status(listener: TestListener, given: { believe?: TestCa; identity?: TestCa; subject?: string; notAfterMs?: number; keyMode?: number }): Promise<Run> {
  const dir = tmpDir();
  const leaf = testLeaf(given.identity ?? listener.ca, {
    usages: ['clientAuth'],
    names: { uris: [given.subject ?? 'nc://c1/admin/alice'] },
    ...(given.notAfterMs && { notBeforeMs: given.notAfterMs - 60_000, notAfterMs: given.notAfterMs }),
  });
  writeFileSync(join(dir, 'ca.pem'), (given.believe ?? listener.ca).pem);
  writeFileSync(join(dir, 'cert.pem'), leaf.pem);
  writeFileSync(join(dir, 'key.pem'), leaf.keyPem, { mode: given.keyMode ?? 0o600 });
  const files = ['--ca', join(dir, 'ca.pem'), '--cert', join(dir, 'cert.pem'), '--key', join(dir, 'key.pem')];
  return ncadm(['--server', listener.target.address, ...files, 'status', '-o', 'json']);
}
