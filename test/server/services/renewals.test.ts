import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Service } from '../../../src/gen/networkcontroller/v1/types.js';
import { CertificateRecord_State } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { generateP256, signP256, type P256KeyPair } from '../../../src/platform/x509/p256.js';
import { Renewals, type NewKeys } from '../../../src/server/services/renewals.js';
import { recordingLog } from '../../support/recording-log.js';
import { ADMIN, startServices, STRANGER } from '../../support/services.js';

const code = (expected: string) => expect.objectContaining({ code: expected });
const DAY_MS = 24 * 3_600_000;
const { STATE_CURRENT, STATE_PENDING, STATE_REVOKED, STATE_SUPERSEDED } = CertificateRecord_State;

async function start() {
  const services = await startServices();
  const { repository, clock, presence } = services;
  const { log, warnings } = recordingLog();
  const issued = (): { der: Buffer; serial: string; notAfterMs: number; caGeneration: number } => ({ der: randomBytes(64), serial: randomBytes(16).toString('hex').toUpperCase(), notAfterMs: clock.now() + DAY_MS, caGeneration: 1 });
  const issuer = { issueNodeCertificates: () => ({ grpc: issued(), network: issued() }) };
  const renewals = new Renewals({ repository, issuer, clock, log, isConnected: (nodeId) => presence.isHere(nodeId) });
  const grpc = generateP256();
  const { node, nodeToken } = await services.register(await services.token(), { grpcSpki: grpc.spki });
  const stateOf = (serial: string) => repository.view.certificate(serial)?.value.state;
  const pending = (): string[] => repository.view.certificatesOf('node', node.id).flatMap(({ value }) => (value.state === STATE_PENDING ? [value.serial] : []));
  return { ...services, renewals, warnings, node, nodeToken, grpc, stateOf, pending };
}

const newKeys = (grpc: P256KeyPair = generateP256()): NewKeys => ({ grpcSpki: grpc.spki, networkSpki: generateP256().spki });

/** What a node sends to be recovered. */
function recovery(nodeToken: string, signer: P256KeyPair) {
  const [grpcCsr, networkCsr] = [randomBytes(200), randomBytes(200)];
  return { nodeToken, grpcCsr, networkCsr, signature: signP256(Buffer.concat([grpcCsr, networkCsr]), signer.privateKey) };
}

describe('a renewal', () => {
  it('is refused to a node that was unregistered, and writes nothing', async () => {
    const { renewals, nodes, node, repository } = await start();
    await nodes.remove(node.id, 'default', 'UnregisterNode', ADMIN);
    const before = repository.view.rev;

    await expect(renewals.renew(node.id, newKeys(), STRANGER)).rejects.toEqual(code('node_revoked'));

    expect(repository.view.rev).toBe(before);
  });

  it('without end is refused before the node has more certificates than one transaction can revoke', async () => {
    const { renewals, nodes, services, node, repository } = await start();
    for (let n = 0; n < 64; n++) await services.add(Service.fromPartial({ name: `s${n}`, nodeId: node.id, port: 80 }), ADMIN);

    let refusal: unknown;
    for (let n = 0; n < 70 && refusal === undefined; n++) await renewals.renew(node.id, newKeys(), STRANGER).catch((error: unknown) => (refusal = error));

    expect(refusal).toEqual(code('rate_limited'));
    await nodes.remove(node.id, 'default', 'RevokeNode', ADMIN);
    expect(repository.view.certificatesOf('node', node.id).every(({ value }) => value.state === STATE_REVOKED)).toBe(true);
  });

  it('leaves the certificate in use as it is until the new one is used', async () => {
    const { renewals, node, stateOf, repository, pending } = await start();

    await renewals.renew(node.id, newKeys(), STRANGER);

    expect(stateOf(node.grpcSerial)).toBe(STATE_CURRENT);
    expect(pending()).toHaveLength(1);
    expect(repository.view.nodeById(node.id)?.value.grpcSerial).toBe(node.grpcSerial);
  });

  it('whose answer is lost can be asked for again, and each answer is good', async () => {
    const { renewals, node, pending, stateOf } = await start();
    await renewals.renew(node.id, newKeys(), STRANGER);
    await renewals.renew(node.id, newKeys(), STRANGER);
    const [lost, used] = pending() as [string, string];

    await renewals.promote(used);

    expect([stateOf(node.grpcSerial), stateOf(lost), stateOf(used)]).toEqual([STATE_SUPERSEDED, STATE_SUPERSEDED, STATE_CURRENT]);
  });

  it('changes the network certificate that peers see at once', async () => {
    const { renewals, node, repository } = await start();

    const { networkCertificate } = await renewals.renew(node.id, newKeys(), STRANGER);

    expect(repository.view.nodeById(node.id)?.value.networkCertificate).toEqual(Buffer.from(networkCertificate));
  });

  it('stands in the audit log with who asked for it', async () => {
    const { renewals, node, repository } = await start();

    await renewals.renew(node.id, newKeys(), { kind: 'node', nodeId: node.id, network: 'default', serial: 'AB', address: '198.51.100.9' });

    const [entry] = repository.view.pageAudit({ object: `node/${node.id}` }, '', 1).items;
    expect(entry?.value).toMatchObject({ method: 'Renew', actor: `node:${node.id}`, serial: 'AB', peerAddress: '198.51.100.9' });
  });
});

describe('a promotion', () => {
  it.each(['of no certificate', 'of the one in use'])('%s changes nothing', async (which) => {
    const { renewals, node, repository } = await start();
    const before = repository.view.rev;

    await renewals.promote(which === 'of no certificate' ? 'FF00' : node.grpcSerial);

    expect(repository.view.rev).toBe(before);
  });

  it('never brings back a superseded certificate', async () => {
    const { renewals, node, pending, stateOf } = await start();
    await renewals.renew(node.id, newKeys(), STRANGER);
    await renewals.promote(pending()[0] as string);

    await renewals.promote(node.grpcSerial);

    expect(stateOf(node.grpcSerial)).toBe(STATE_SUPERSEDED);
  });

  it('by many requests at once is one', async () => {
    const { renewals, node, pending, repository } = await start();
    const grpc = generateP256();
    await renewals.renew(node.id, newKeys(grpc), STRANGER);
    const serial = pending()[0] as string;
    const before = repository.view.rev;

    await Promise.all(Array.from({ length: 10 }, () => renewals.promote(serial)));

    expect(repository.view.rev).toBe(before + 1n);
    expect(repository.view.nodeById(node.id)?.value).toMatchObject({ grpcSerial: serial, grpcSpki: grpc.spki });
  });

  it('of a node that was revoked meanwhile leaves the certificate revoked', async () => {
    const { renewals, nodes, node, pending, stateOf } = await start();
    await renewals.renew(node.id, newKeys(), STRANGER);
    const serial = pending()[0] as string;

    await Promise.all([nodes.remove(node.id, 'default', 'RevokeNode', ADMIN), renewals.promote(serial)]);

    expect(stateOf(serial)).toBe(STATE_REVOKED);
  });
});

describe('a recovery', () => {
  it.each([
    ['no token', () => 'hello'],
    ['a token of nobody', () => `ncn1_${'0'.repeat(16)}.${'A'.repeat(43)}`],
    ['another secret', (own: string) => `${own.split('.')[0]}.${'A'.repeat(43)}`],
  ])('with %s is refused in the same words', async (_what, forge) => {
    const { renewals, nodeToken, grpc } = await start();

    await expect(renewals.recover(recovery(forge(nodeToken), grpc), newKeys(), STRANGER)).rejects.toMatchObject({ code: 'node_unknown', message: 'token: not the token of a node of this controller' });
  });

  it('of an unregistered node is refused', async () => {
    const { renewals, nodes, node, nodeToken, grpc } = await start();
    await nodes.remove(node.id, 'default', 'UnregisterNode', ADMIN);

    await expect(renewals.recover(recovery(nodeToken, grpc), newKeys(), STRANGER)).rejects.toEqual(code('node_unknown'));
  });

  it('signed by another key is refused, and writes nothing', async () => {
    const { renewals, nodeToken, repository } = await start();
    const before = repository.view.rev;

    await expect(renewals.recover(recovery(nodeToken, generateP256()), newKeys(), STRANGER)).rejects.toEqual(code('proof_invalid'));

    expect(repository.view.rev).toBe(before);
  });

  it('by the key registered last is taken as long as nothing newer has been shown', async () => {
    const { renewals, node, nodeToken, grpc } = await start();
    await renewals.renew(node.id, newKeys(), STRANGER);

    await renewals.recover(recovery(nodeToken, grpc), newKeys(), STRANGER);
    await expect(renewals.recover(recovery(nodeToken, grpc), newKeys(), STRANGER)).resolves.toBeDefined();
  });

  it('by the key of a renewal that was never used makes that key the registered one', async () => {
    const { renewals, repository, node, nodeToken, grpc } = await start();
    const unused = generateP256();
    await renewals.renew(node.id, newKeys(unused), STRANGER);

    await renewals.recover(recovery(nodeToken, unused), newKeys(), STRANGER);

    expect(repository.view.nodeById(node.id)?.value.grpcSpki).toEqual(unused.spki);
    await expect(renewals.recover(recovery(nodeToken, grpc), newKeys(), STRANGER)).rejects.toEqual(code('proof_invalid'));
    await expect(renewals.recover(recovery(nodeToken, unused), newKeys(), STRANGER)).resolves.toBeDefined();
  });

  it('by the key of a renewal that another has replaced is refused', async () => {
    const { renewals, node, nodeToken } = await start();
    const replaced = generateP256();
    await renewals.renew(node.id, newKeys(replaced), STRANGER);
    await renewals.renew(node.id, newKeys(), STRANGER);

    await expect(renewals.recover(recovery(nodeToken, replaced), newKeys(), STRANGER)).rejects.toEqual(code('proof_invalid'));
  });

  it('while the node is connected warns of a copy, and names no secret', async () => {
    const { renewals, presence, node, nodeToken, grpc, warnings } = await start();
    await renewals.recover(recovery(nodeToken, grpc), newKeys(), STRANGER);
    expect(warnings).toEqual([]);
    presence.streamOpened(node.id, 'default', '1');

    await renewals.recover(recovery(nodeToken, grpc), newKeys(), STRANGER);

    expect(warnings).toEqual([{ message: expect.stringContaining('copy'), fields: { nodeId: node.id, peer: STRANGER.address } }]);
    expect(JSON.stringify(warnings)).not.toContain(nodeToken.split('.')[1]);
  });
});
