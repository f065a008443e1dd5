import { describe, expect, it } from 'vitest';
import { CreateTokenRequest, GetStatusRequest, ListTokensRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { callUnary, type ReadWorth } from '../../src/platform/rpc-client.js';
import { ncadm } from '../ncadm/support.js';
import { startTestServer } from '../support/server.js';

describe('answers', () => {
  it('are refused when a revision is wanted that is not there, of another epoch, or after a restore', async () => {
    const server = await startTestServer();
    const member = await server.join(await server.token());
    const ask = (read: object) => callUnary(server.admin, 'getStatus', GetStatusRequest.create(), { read });

    await expect(ask({ minRevision: 1_000_000n })).rejects.toMatchObject({ code: 'unavailable' });
    await expect(ask({ epoch: 'another', minRevision: 1n })).rejects.toMatchObject({ code: 'epoch_mismatch' });
    await expect(callUnary(server.control(member), 'checkConnState', { token: '' }, { read: { minRevision: 1_000_000n } })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('know every change whose answer told its revision, and tell how old they are', async () => {
    const server = await startTestServer();
    const member = await server.join(await server.token());
    const told: ReadWorth[] = [];
    const onRead = (worth: ReadWorth): void => void told.push(worth);

    const { token } = await callUnary(server.admin, 'createToken', CreateTokenRequest.create(), { onRead });
    const { epoch, revision } = told[0]!;
    const { tokens } = await callUnary(server.admin, 'listTokens', ListTokensRequest.create(), { read: { epoch, minRevision: revision }, onRead });
    await callUnary(server.control(member), 'checkConnState', { token: '' }, { read: { minRevision: revision, consistent: true }, onRead });
    const { cluster } = await callUnary(server.admin, 'getStatus', GetStatusRequest.create());

    expect(tokens.map(({ id }) => id)).toContain(token!.id);
    expect(revision).toBeGreaterThan(member.revision);
    expect(told).toHaveLength(3);
    for (const worth of told) expect(worth).toMatchObject({ epoch: cluster!.epoch, staleMs: 0 });
    expect(told[1]!.revision).toBeGreaterThanOrEqual(revision);
  });

  it('say nothing of a revision when they are refusals', async () => {
    const server = await startTestServer();
    const told: ReadWorth[] = [];

    await callUnary(server.admin, 'getStatus', GetStatusRequest.create(), { read: { epoch: 'another' }, onRead: (worth) => told.push(worth) }).catch(() => {});

    expect(told).toEqual([{ epoch: '', revision: 0n, staleMs: 0 }]);
  });

  it('are asked for consistently by ncadm --consistent', async () => {
    const server = await startTestServer();

    expect(await ncadm(['--socket', server.adminSocket, '--consistent', 'status'])).toMatchObject({ exitCode: 0, stderr: '' });
  });
});
