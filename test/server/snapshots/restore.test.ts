import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CreateTokenRequest, ListAuditRequest } from '../../../src/gen/networkcontroller/v1/admin.js';
import type { WatchResponse } from '../../../src/gen/networkcontroller/v1/node.js';
import { callStream, callUnary } from '../../../src/platform/rpc-client.js';
import { recovered, renewed, report } from '../../support/renewals.js';
import { startTestServer, type Member, type TestServer } from '../../support/server.js';
import { serverCommand, type ServerRun } from '../../support/server-cli.js';
import { tmpDir } from '../../support/tmp-dir.js';

const SETTINGS = ['snapshots: { target: kept }'];
const start = (dir: string): Promise<TestServer> => startTestServer({ dir, settings: SETTINGS });
const restore = (dir: string, ...words: string[]): Promise<ServerRun> => serverCommand(dir, ['snapshot', 'restore', ...words], SETTINGS);
const save = async ({ admin }: TestServer): Promise<string> => (await callUnary(admin, 'saveSnapshot', {})).snapshot!.name;
const revoke = ({ admin }: TestServer, node: string) => callUnary(admin, 'revokeNode', { node, network: '', reason: 'stolen' });
const refusedWith = (code: string) => ({ code });

/** Stops the server and loses its database. */
async function loseStore(server: TestServer): Promise<void> {
  await server.stop();
  rmSync(join(server.dir, 'work', 'db'), { recursive: true });
}

/** The messages of a map stream up to the first complete map or progress. */
async function watch(server: TestServer, member: Member, from: { epoch: string; fromRevision: bigint }) {
  const seen: NonNullable<WatchResponse['message']>[] = [];
  for await (const { message } of callStream(server.control(member), 'watch', { ...from, agentVersion: '1' })) {
    if (message !== undefined) seen.push(message);
    if (message?.$case === 'progress' || (message?.$case === 'snapshot' && message.value.last)) break;
  }
  return seen;
}

describe('restore', () => {
  it('refuses, and leaves the store empty, when nobody knows what was revoked since', async () => {
    const before = await start(tmpDir());
    const { dir } = before;
    const stolen = await before.join(await before.token());
    await save(before);
    await revoke(before, stolen.nodeId);
    await loseStore(before);
    const journal = join(dir, 'work', 'revocations.log');
    renameSync(journal, join(dir, 'journal'));

    const refused = await restore(dir);
    // One that begins too late, of another cluster, or that is no journal.
    const lines = readFileSync(join(dir, 'journal'), 'utf8');
    for (const text of ['', 'no journal', lines.replace(/^.*since.*$/m, ''), lines.replaceAll(/"cluster":"[^"]*"/g, '"cluster":"other"'), `${lines}${lines.match(/^.*since.*$/m)![0].replace(/"rev":"\d+"/, '"rev":"9999"')}`]) {
      writeFileSync(journal, text);
      expect((await restore(dir)).error).toMatchObject(refusedWith('revocations_unknown'));
    }
    const accepted = await restore(dir, '--accept-unknown-revocations');

    expect(refused).toMatchObject({ exitCode: 1, error: { code: 'revocations_unknown', message: expect.stringContaining('--accept-unknown-revocations') } });
    expect(accepted).toMatchObject({ exitCode: 0, result: { revocationsKnown: false, says: expect.arrayContaining([expect.stringMatching(/^WARNING: what was revoked after .* is good again/)]) } });
    await report(await start(dir), stolen);
  });

  it('takes a journal that was kept elsewhere, cut short in its last line', async () => {
    const before = await start(tmpDir());
    const stolen = await before.join(await before.token());
    await save(before);
    await revoke(before, stolen.nodeId);
    const journal = join(before.dir, 'journal');
    writeFileSync(journal, `${readFileSync(join(before.dir, 'work', 'revocations.log'), 'utf8')}\n{"cluster":"`);
    await loseStore(before);
    rmSync(join(before.dir, 'work', 'revocations.log'));

    const { result } = await restore(before.dir, '--journal', journal);

    expect(result).toMatchObject({ revocationsKnown: true, nodesEnded: [stolen.nodeId] });
  });

  it('refuses a store that holds something, and changes nothing of it', async () => {
    const before = await start(tmpDir());
    const member = await before.join(await before.token());
    await save(before);
    await before.stop();

    expect((await restore(before.dir)).error).toMatchObject(refusedWith('store_not_empty'));

    await report(await start(before.dir), member);
  });

  it('refuses while a server runs on the store', async () => {
    const server = await start(tmpDir());
    await save(server);

    expect((await restore(server.dir)).error).toMatchObject(refusedWith('store_failed'));
  });

  it('refuses a damaged snapshot, one that is not there, and what is none, and leaves the store empty', async () => {
    const before = await start(tmpDir());
    const { dir } = before;
    const name = await save(before);
    await loseStore(before);
    const path = join(dir, 'kept', name);
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(0, -1));

    expect((await restore(dir)).error).toMatchObject(refusedWith('snapshot_invalid'));
    expect((await restore(dir, path)).error).toMatchObject(refusedWith('snapshot_invalid'));
    expect((await restore(dir, join(dir, 'server.yml'))).error).toMatchObject(refusedWith('snapshot_invalid'));
    expect((await restore(dir, 'nothing')).error).toMatchObject(refusedWith('snapshot_unknown'));
    writeFileSync(path, whole);
    expect(await restore(dir, path)).toMatchObject({ exitCode: 0, result: { clusterId: before.clusterId } });
  });

  it('revokes every open join string, since nobody knows which were used', async () => {
    const before = await start(tmpDir());
    const open = await before.token(CreateTokenRequest.fromPartial({ bindIp: '10.66.0.77' }));
    const used = await before.token();
    await before.join(used);
    await save(before);
    await loseStore(before);

    const { result } = await restore(before.dir);
    const after = await start(before.dir);

    expect(result).toMatchObject({ tokensRevoked: 2 });
    for (const text of [open, used]) await expect(after.join(text.replace(/@.*/, `@127.0.0.1:${after.ports.bootstrap}`))).rejects.toMatchObject(refusedWith('token_revoked'));
    // The address that was kept for it is free.
    expect(await after.join(await after.token(CreateTokenRequest.fromPartial({ bindIp: '10.66.0.77' })))).toMatchObject({ bindIp: '10.66.0.77' });
  });

  it('refuses a node that renewed its certificates since, and tells which', async () => {
    const before = await start(tmpDir());
    const member = await before.join(await before.token());
    await save(before);
    const newer = await renewed(before, member);
    await report(before, newer);
    await loseStore(before);
    await restore(before.dir);
    const after = await start(before.dir);

    await expect(report(after, newer)).rejects.toMatchObject(refusedWith('certificate_invalid'));
    await expect(recovered(after, newer)).rejects.toMatchObject(refusedWith('proof_invalid'));
    const audited = async () => (await callUnary(after.admin, 'listAudit', ListAuditRequest.fromPartial({ result: 'certificate_invalid' }))).entries;

    await expect.poll(audited, { timeout: 20_000 }).toMatchObject([{ reason: expect.stringContaining(`node/${member.nodeId}`) }]);
  });

  it('gives the cluster a new epoch, and each agent one reset', async () => {
    const before = await start(tmpDir());
    const member = await before.join(await before.token());
    await save(before);
    await loseStore(before);
    const { result } = await restore(before.dir);
    const after = await start(before.dir);

    const first = await watch(after, member, { epoch: member.epoch, fromRevision: member.revision });
    const map = first.find((message) => message.$case === 'snapshot');
    const held = map?.$case === 'snapshot' ? { epoch: map.value.epoch, fromRevision: map.value.revision } : undefined;
    const again = await watch(after, member, held!);

    expect(first[0]).toEqual({ $case: 'reset', value: { reason: 'epoch' } });
    expect(held?.epoch).toBe((result as { epoch: string }).epoch);
    expect(held?.epoch).not.toBe(member.epoch);
    expect(again.map(({ $case }) => $case)).not.toContain('reset');
  });

  it('numbers the revocation list past every one before', async () => {
    const before = await start(tmpDir());
    const [member, stolen] = [await before.join(await before.token()), await before.join(await before.token())];
    await revoke(before, stolen.nodeId);
    await save(before);
    await loseStore(before);
    await restore(before.dir);

    const messages = await watch(await start(before.dir), member, { epoch: '', fromRevision: 0n });

    const crl = messages.flatMap((message) => (message.$case === 'snapshot' && message.value.last ? [message.value.crl] : []))[0]!;
    expect(crlNumber(crl)).toBeGreaterThan(1_000_000);
  });

  it('names the key files without which the server will not start', async () => {
    const before = await start(tmpDir());
    const name = await save(before);
    await before.stop();
    const elsewhere = tmpDir();

    const { result } = await serverCommand(elsewhere, ['snapshot', 'restore', join(before.dir, 'kept', name), '--journal', join(before.dir, 'work', 'revocations.log')]);

    expect((result as { says: string[] }).says.filter((line) => line.includes('is missing'))).toHaveLength(2);
    await expect(start(elsewhere)).rejects.toMatchObject({ code: expect.stringMatching(/^(not_initialised|state_invalid)$/) });
  });
});

/** @see RFC 5280 §5.2.3: an INTEGER within an OCTET STRING behind the extension's name, 2.5.29.20 */
function crlNumber(der: Buffer): number {
  const at = der.indexOf(Buffer.from('0603551d14', 'hex')) + 5;
  const length = der[at + 3]!;
  return Number.parseInt(der.subarray(at + 4, at + 4 + length).toString('hex'), 16);
}
