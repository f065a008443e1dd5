import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { AdminServiceClient } from '../../../src/gen/networkcontroller/v1/admin.js';
import { NodeServiceClient, type CheckConnStateResponse } from '../../../src/gen/networkcontroller/v1/node.js';
import { CertificateRecord, CertificateRecord_State as State, NodeRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { silentLog } from '../../../src/platform/log.js';
import { callUnary, connect } from '../../../src/platform/rpc-client.js';
import type { Authenticate } from '../../../src/server/auth/authenticate.js';
import type { CallerCertificate } from '../../../src/server/auth/caller-certificate.js';
import { clientCertificates } from '../../../src/server/auth/client-certificate.js';
import { keys } from '../../../src/server/store/keys.js';
import type { Repository } from '../../../src/server/store/local-view.js';
import { openStore } from '../../../src/server/store/open-store.js';
import { ManualClock } from '../../support/clock.js';
import { adminService, nodeService, startTlsTestListener } from '../../support/rpc-listener.js';
import { testCa, testLeaf, type TestLeaf } from '../../support/test-ca.js';

const HOUR_MS = 3_600_000;
const NODE_URI = 'nc://c1/node/n-1';
const address = '192.0.2.1';

let clock: ManualClock;
let repository: Repository;
let promoted: string[];
let copies: string[];
let authenticate: Authenticate;

async function put(key: string, value: Uint8Array): Promise<void> {
  await repository.update(() => ({ if: [], then: [{ put: key, value }], result: undefined }));
}

const putNode = (change: Partial<NodeRecord> = {}): Promise<void> =>
  put(keys.node('default', 'n-1'), NodeRecord.encode(NodeRecord.fromPartial({ id: 'n-1', network: 'default', name: 'web-1', ...change })).finish());

function putRow(serial: string, change: Partial<CertificateRecord> = {}): Promise<void> {
  const node = { subjectKind: 'node', subjectId: 'n-1', network: 'default', purpose: 'grpc', state: State.STATE_CURRENT };
  const record = CertificateRecord.fromPartial({ serial, ...node, notAfterMs: clock.now() + HOUR_MS, ...change });
  return put(keys.certificate(serial), CertificateRecord.encode(record).finish());
}

/** A certificate as TLS hands it over. */
function shown(serial: string, change: { uri?: string; names?: string; validToMs?: number } = {}): CallerCertificate {
  const { uri = NODE_URI, names = `URI:${uri}`, validToMs = clock.now() + HOUR_MS } = change;
  return { serialNumber: serial, subjectaltname: names, valid_to: new Date(validToMs).toUTCString() };
}

const from = (certificate: CallerCertificate | undefined) => authenticate({ address, certificate });

beforeAll(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'nc-test-'));
  const opened = await openStore({ file: join(dir, 'nc.db'), clock: new ManualClock(), log: silentLog });
  ({ repository } = opened);
  return async () => {
    await opened.close();
    rmSync(dir, { recursive: true });
  };
});

beforeEach(async () => {
  clock = new ManualClock(Date.now());
  promoted = [];
  copies = [];
  authenticate = clientCertificates({
    view: repository.view,
    clusterId: 'c1',
    clock,
    promote: async (serial) => void promoted.push(serial),
    onSuperseded: (row) => void copies.push(row.subjectId),
  });
  await putNode();
  await putRow('A1');
});

describe('a client certificate is refused', () => {
  it('when there is none', async () => {
    await expect(from(undefined)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('when it was signed but never listed', async () => {
    await expect(from(shown('B2'))).rejects.toMatchObject({ code: 'certificate_invalid', message: expect.stringContaining('listed') });
  });

  it.each([
    ['names another node', { uri: 'nc://c1/node/n-2' }],
    ['names another cluster', { uri: 'nc://c2/node/n-1' }],
    ['names an admin', { uri: 'nc://c1/admin/n-1' }],
    ['names more than its subject', { names: `URI:${NODE_URI}, URI:nc://c1/admin/root` }],
    ['hides a second name in the first', { names: `URI:"${NODE_URI}, URI:nc://c1/admin/root"` }],
    ['has a DNS name beside', { names: `DNS:server.c1.nc.internal, URI:${NODE_URI}` }],
    ['names nobody', { names: '' }],
  ])('when it %s', async (_what, change) => {
    await expect(from(shown('A1', change))).rejects.toMatchObject({ code: 'certificate_invalid', message: expect.stringContaining('names the subject') });
  });

  it.each<[string, Partial<CertificateRecord>]>([
    ['a network certificate', { purpose: 'network' }],
    ['an admin’s without role', { subjectKind: 'admin', role: '' }],
    ['an admin’s with a role nobody knows', { subjectKind: 'admin', role: 'root' }],
    ['one whose row has no state', { state: State.STATE_UNSPECIFIED }],
  ])('when it is %s', async (_what, change) => {
    await putRow('A1', change);
    const uri = `nc://c1/${change.subjectKind ?? 'node'}/n-1`;

    await expect(from(shown('A1', { uri }))).rejects.toMatchObject({ code: 'certificate_invalid' });
  });

  it('when its relay is not enrolled', async () => {
    await putRow('A1', { subjectKind: 'relay' });

    await expect(from(shown('A1', { uri: 'nc://c1/relay/n-1' }))).rejects.toMatchObject({ code: 'relay_unknown' });
  });

  it('from the moment its row says, on an open connection too', async () => {
    await expect(from(shown('A1'))).resolves.toBeDefined();
    clock.advance(HOUR_MS);

    await expect(from(shown('A1', { validToMs: clock.now() + HOUR_MS }))).rejects.toMatchObject({ code: 'certificate_invalid', message: expect.stringContaining('expired at') });
  });

  it('from the moment it says itself, whatever its row says', async () => {
    await expect(from(shown('A1', { validToMs: clock.now() - 1000 }))).rejects.toMatchObject({ code: 'certificate_invalid' });
  });

  it('once revoked, from the next request on', async () => {
    await expect(from(shown('A1'))).resolves.toBeDefined();
    await putRow('A1', { state: State.STATE_REVOKED });

    await expect(from(shown('A1'))).rejects.toMatchObject({ code: 'node_revoked' });
  });

  it('when its node was revoked or is gone, although its row is there', async () => {
    await putNode({ revokedAtMs: 1 });
    await expect(from(shown('A1'))).rejects.toMatchObject({ code: 'node_revoked' });

    await repository.update(() => ({ if: [], then: [{ del: keys.node('default', 'n-1') }], result: undefined }));
    await expect(from(shown('A1'))).rejects.toMatchObject({ code: 'node_unknown' });
  });

  it('when its successor is in use, and the alarm is raised', async () => {
    await putRow('A1', { state: State.STATE_SUPERSEDED });

    await expect(from(shown('A1'))).rejects.toMatchObject({ code: 'certificate_superseded' });
    expect(copies).toEqual(['n-1']);
  });

  it('when the store cannot promote it', async () => {
    await putRow('A1', { state: State.STATE_PENDING });
    authenticate = clientCertificates({ view: repository.view, clusterId: 'c1', clock, promote: () => Promise.reject(new Error('disk full')), onSuperseded: () => {} });

    await expect(from(shown('A1'))).rejects.toThrow('disk full');
  });
});

describe('a client certificate', () => {
  it('stands for its node', async () => {
    await expect(from(shown('A1'))).resolves.toEqual({ kind: 'node', nodeId: 'n-1', network: 'default', serial: 'A1', address });
    expect(promoted).toEqual([]);
  });

  it.each(['admin', 'viewer'] as const)('stands for its admin, with the role %s of its row', async (role) => {
    await putRow('A2', { subjectKind: 'admin', subjectId: 'alice', role });

    await expect(from(shown('A2', { uri: 'nc://c1/admin/alice' }))).resolves.toEqual({ kind: 'admin', name: 'alice', role, serial: 'A2', address });
  });

  it('is promoted once by its first requests, before they are served', async () => {
    await putRow('A1', { state: State.STATE_PENDING });

    await Promise.all([from(shown('A1')), from(shown('A1')), from(shown('A1'))]);

    expect(promoted).toEqual(['A1']);
  });
});

describe('over TLS', () => {
  const ca = testCa();
  const state: CheckConnStateResponse = { code: '200', message: '', connState: -1, bindIp: '10.66.0.2', state: 1 };

  /** A control listener, and a certificate for which the row was written. */
  async function startControl(change: Partial<CertificateRecord> = {}, uri = NODE_URI) {
    const listener = await startTlsTestListener({
      services: [
        nodeService({ checkConnState: (_request, caller) => Promise.resolve({ ...state, message: caller.kind === 'node' ? caller.nodeId : caller.kind }) }),
        adminService({ getToken: () => Promise.resolve({ token: undefined }), revokeToken: () => Promise.resolve({ token: undefined }) }),
      ],
      mutual: true,
      authenticate: (connection) => authenticate(connection),
    });
    const leaf = testLeaf(listener.ca, { names: { uris: [uri] }, usages: ['clientAuth'] });
    await putRow(leaf.serial, change);
    return { listener, leaf };
  }

  const clientOf = <C extends NodeServiceClient | AdminServiceClient>(Client: new (...args: never[]) => C, { listener, leaf }: { listener: Awaited<ReturnType<typeof startTlsTestListener>>; leaf: TestLeaf }): C => {
    const client = connect(Client as never, listener.as(leaf)) as C;
    onTestFinished(() => client.close());
    return client;
  };

  it('the serial of a certificate is found as it was written', async () => {
    const control = await startControl();

    await expect(callUnary(clientOf(NodeServiceClient, control), 'checkConnState', { token: '' })).resolves.toMatchObject({ message: 'n-1' });
  });

  it('a node may not mint tokens or revoke them', async () => {
    const control = await startControl();

    await expect(callUnary(clientOf(AdminServiceClient, control), 'revokeToken', { id: 'x' })).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it('a viewer may look and not touch', async () => {
    const control = await startControl({ subjectKind: 'admin', subjectId: 'vera', role: 'viewer' }, 'nc://c1/admin/vera');
    const client = clientOf(AdminServiceClient, control);

    await expect(callUnary(client, 'getToken', { id: 'x' })).resolves.toEqual({ token: undefined });
    await expect(callUnary(client, 'revokeToken', { id: 'x' })).rejects.toMatchObject({ code: 'permission_denied', message: expect.stringContaining('admin:vera') });
  });

  it('a certificate that runs out ends the next request of its open connection', async () => {
    const control = await startControl();
    const client = clientOf(NodeServiceClient, control);
    await callUnary(client, 'checkConnState', { token: '' });

    clock.advance(HOUR_MS);

    await expect(callUnary(client, 'checkConnState', { token: '' })).rejects.toMatchObject({ code: 'certificate_invalid' });
    expect(control.listener.server.connections().accepted).toBe(1);
  });

  it('another CA’s certificate does not get as far as its row', async () => {
    const { listener } = await startControl();
    const foreign = testLeaf(ca, { names: { uris: [NODE_URI] }, usages: ['clientAuth'] });
    await putRow(foreign.serial);

    await expect(callUnary(clientOf(NodeServiceClient, { listener, leaf: foreign }), 'checkConnState', { token: '' })).rejects.toMatchObject({ code: 'unavailable' });
  });
});
