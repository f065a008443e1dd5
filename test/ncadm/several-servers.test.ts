import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GetStatusResponse, Replica } from '../../src/gen/networkcontroller/v1/admin.js';
import { fromPem } from '../../src/platform/x509/pem.js';
import { asLocal } from '../../src/server/auth/authenticate.js';
import { freePorts } from '../support/free-ports.js';
import { adminService, startTlsTestListener, type TestListener } from '../support/rpc-listener.js';
import { testCa, testLeaf, type TestCa } from '../support/test-ca.js';
import { tmpDir } from '../support/tmp-dir.js';
import { ncadm } from './support.js';

const der = (ca: TestCa): Buffer => fromPem(ca.pem)[0]!;

/** A server that names `cas` as those of its cluster. */
function startServer(cas: () => readonly TestCa[] = () => []): Promise<TestListener> {
  const getStatus = () => Promise.resolve(GetStatusResponse.create({ cluster: { id: 'c1', epoch: '1', revision: 1n }, replicas: [Replica.fromPartial({ name: 'one' })], grpcCas: { certificates: cas().map(der) } }));
  return startTlsTestListener({ services: [adminService({ getStatus })], mutual: true, authenticate: asLocal });
}

/** An admin with a folder of their own, whose context names `servers`. */
function admin(ca: TestCa, servers: string) {
  const dir = tmpDir();
  const leaf = testLeaf(ca, { usages: ['clientAuth'], names: { uris: ['nc://c1/admin/alice'] } });
  const files = { ca: join(dir, 'ca.pem'), cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
  writeFileSync(files.ca, ca.pem);
  writeFileSync(files.cert, leaf.pem);
  writeFileSync(files.key, leaf.keyPem, { mode: 0o600 });
  const run = (...words: string[]) => ncadm(['--server', servers, '--ca', files.ca, '--cert', files.cert, '--key', files.key, ...words]);
  return { files, run };
}

describe('ncadm with several servers of one controller', () => {
  it('says where nobody answered when none of them does', async () => {
    const [one, two] = await freePorts(2);
    const { run } = admin(testCa(), `127.0.0.1:${one},127.0.0.1:${two}`);

    const { exitCode, stderr } = await run('replica', 'list');

    expect(exitCode).toBe(3);
    expect(stderr).toContain(`nobody answers at 127.0.0.1:${one}, 127.0.0.1:${two}`);
  });

  it('asks the next one when the first does not answer, and no further one', async () => {
    const server = await startServer();
    const [gone] = await freePorts(1);
    const { run } = admin(server.ca, `127.0.0.1:${gone},${server.target.address},127.0.0.1:${gone}`);

    const { exitCode, stdout } = await run('replica', 'list', '-o', 'json');

    expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, [{ name: 'one' }]]);
  });
});

describe('the file of CAs', () => {
  it('follows what the controller names, whom it vouches for itself', async () => {
    let named: readonly TestCa[] = [];
    const server = await startServer(() => named);
    const next = testCa();
    named = [server.ca, next];
    const { files, run } = admin(server.ca, server.target.address);

    const { stderr } = await run('status');

    expect(fromPem(readFileSync(files.ca, 'utf8'))).toEqual([der(server.ca), der(next)]);
    expect(stderr).toContain('holds the CAs that the controller has now');
    expect((await run('status')).stderr).not.toContain('holds the CAs');
  });

  it('stays as it is when the server is not believed, and when it names none', async () => {
    const server = await startServer(() => [testCa()]);
    const stranger = testCa();
    const believing = admin(stranger, server.target.address);
    expect((await believing.run('status')).exitCode).toBe(3);
    expect(readFileSync(believing.files.ca, 'utf8')).toBe(stranger.pem);

    const silent = await startServer();
    const { files, run } = admin(silent.ca, silent.target.address);
    expect((await run('status')).exitCode).toBe(0);

    expect(readFileSync(files.ca, 'utf8')).toBe(silent.ca.pem);
  });
});
