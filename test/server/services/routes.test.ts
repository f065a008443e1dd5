import { describe, expect, it } from 'vitest';
import { ApproveRouteRequest, RevokeRouteRequest, type Route } from '../../../src/gen/networkcontroller/v1/admin.js';
import { ReportRequest, WatchRequest } from '../../../src/gen/networkcontroller/v1/node.js';
import type { Peer } from '../../../src/gen/networkcontroller/v1/types.js';
import { callStream, callUnary } from '../../../src/platform/rpc-client.js';
import { verifyNetworkCertificate } from '../../../src/platform/x509/network-certificate.js';
import { CaBundle } from '../../../src/platform/x509/ca-bundle.js';
import { readCrl } from '../../../src/platform/x509/crl.js';
import { renewed } from '../../support/renewals.js';
import { startTestServer, type Member, type TestServer } from '../../support/server.js';

const code = (expected: string) => expect.objectContaining({ code: expected });
const OFFICE = '192.168.7.0/24';

async function start(settings: readonly string[] = []) {
  const server = await startTestServer({ settings });
  const gateway = await server.join(await server.token({ nodeName: 'gateway' }));
  const other = await server.join(await server.token({ nodeName: 'other' }));
  await offer(server, gateway, [OFFICE]);
  return { server, gateway, other };
}

function offer(server: TestServer, member: Member, routes: string[]): Promise<unknown> {
  return callUnary(server.control(member), 'report', ReportRequest.fromPartial({ routes }));
}

function approve(server: TestServer, node: string, prefix: string): Promise<{ route: Route | undefined }> {
  return callUnary(server.admin, 'approveRoute', ApproveRouteRequest.create({ node, prefix }));
}

function revoke(server: TestServer, node: string, prefix: string): Promise<unknown> {
  return callUnary(server.admin, 'revokeRoute', RevokeRouteRequest.create({ node, prefix }));
}

async function list(server: TestServer): Promise<Route[]> {
  return (await callUnary(server.admin, 'listRoutes', { network: '' })).routes;
}

/** The map as `member` gets it: a peer of it, and the revocation list. */
async function mapOf(server: TestServer, member: Member, peerId: string): Promise<{ peer: Peer; crl: Buffer }> {
  const ended = new AbortController();
  const peers: Peer[] = [];
  for await (const { message } of callStream(server.control(member), 'watch', WatchRequest.create({}), { signal: ended.signal })) {
    if (message?.$case !== 'snapshot') continue;
    peers.push(...message.value.peers);
    if (!message.value.last) continue;
    ended.abort();
    return { peer: peers.find(({ nodeId }) => nodeId === peerId)!, crl: message.value.crl };
  }
  throw new Error('the stream ended before the map was complete');
}

/** What the network CA states of the peer's routes. */
function certified(member: Member, { networkCertificate }: Peer): readonly string[] {
  const bundle = new CaBundle(member.bundle?.network?.certificates ?? []);
  return verifyNetworkCertificate(networkCertificate, { bundle, clusterId: member.clusterId, nowMs: Date.now() }).routes;
}

describe('a route is not approved', () => {
  it('that the node does not offer, or that is none, or of a stranger', async () => {
    const { server } = await start();
    const refusals = [
      ['gateway', '192.168.8.0/24', 'route_unknown'],
      ['gateway', '0.0.0.0/0', 'route_unknown'],
      ['gateway', '192.168.7.1/24', 'invalid_argument'],
      ['gateway', '127.0.0.0/8', 'invalid_argument'],
      ['gateway', 'office', 'invalid_argument'],
      ['stranger', OFFICE, 'node_unknown'],
    ] as const;

    for (const [node, prefix, refusal] of refusals) await expect(approve(server, node, prefix), prefix).rejects.toEqual(code(refusal));

    expect(await list(server)).toMatchObject([{ prefix: OFFICE, advertised: true, approved: false }]);
  });

  it('that has addresses of the overlay, or of another network of the controller', async () => {
    const { server, gateway } = await start(['networks: [{ name: lab, cidr: 10.67.0.0/24 }]']);
    const taken = ['10.66.0.128/25', '10.0.0.0/8', '10.67.0.0/26'];
    await offer(server, gateway, taken);

    for (const prefix of taken) await expect(approve(server, 'gateway', prefix), prefix).rejects.toEqual(code('route_overlap'));
  });

  it('when another node has an approved one that overlaps, be they asked for at once', async () => {
    const { server, other } = await start();
    await offer(server, other, ['192.168.0.0/16']);

    const outcomes = await Promise.allSettled([approve(server, 'gateway', OFFICE), approve(server, 'other', '192.168.0.0/16')]);

    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes).toContainEqual({ status: 'rejected', reason: code('route_overlap') });
    expect((await list(server)).filter(({ approved }) => approved)).toHaveLength(1);
  });
});

describe('what a node offers', () => {
  it('that is no route is left out, and of very much some', async () => {
    const { server, gateway } = await start();

    await offer(server, gateway, ['127.0.0.0/8', 'x'.repeat(10_000), '192.168.7.9/24', '10.9.0.0/16', '10.9.0.0/16', '0.0.0.0/0']);
    expect((await list(server)).map(({ prefix }) => prefix)).toEqual(['0.0.0.0/0', '10.9.0.0/16']);

    await offer(server, gateway, Array.from({ length: 500 }, (_, n) => `172.16.${n % 256}.0/24`));
    expect(await list(server)).toHaveLength(16);
  });

  it('and an admin has approved reaches the others with a certificate that states it, and goes when it is not offered any more', async () => {
    const { server, gateway, other } = await start();
    expect((await mapOf(server, other, gateway.nodeId)).peer.routes).toEqual([]);

    expect((await approve(server, 'gateway', OFFICE)).route).toMatchObject({ nodeName: 'gateway', prefix: OFFICE, advertised: true, approved: true });
    await approve(server, 'gateway', OFFICE);

    const { peer } = await mapOf(server, other, gateway.nodeId);
    expect([peer.routes, certified(other, peer)]).toEqual([[OFFICE], [OFFICE]]);
    await offer(server, gateway, []);
    expect((await mapOf(server, other, gateway.nodeId)).peer.routes).toEqual([]);
    expect(await list(server)).toMatchObject([{ prefix: OFFICE, advertised: false, approved: true }]);
  });

  it('stays certified through a renewal', async () => {
    const { server, gateway, other } = await start();
    await approve(server, 'gateway', OFFICE);

    await renewed(server, gateway);

    const { peer } = await mapOf(server, other, gateway.nodeId);
    expect([peer.routes, certified(other, peer)]).toEqual([[OFFICE], [OFFICE]]);
  });
});

describe('a route that is revoked', () => {
  it('was approved before', async () => {
    const { server } = await start();

    await expect(revoke(server, 'gateway', OFFICE)).rejects.toEqual(code('route_unknown'));
  });

  it('goes from the map, and every certificate that states it is on the revocation list, but not those that do not', async () => {
    const { server, gateway, other } = await start();
    await approve(server, 'gateway', OFFICE);
    const approved = (await mapOf(server, other, gateway.nodeId)).peer;
    const [trust, cas] = [{ bundle: new CaBundle(other.bundle?.network?.certificates ?? []), clusterId: other.clusterId, nowMs: Date.now() }, other.bundle?.network?.certificates ?? []];

    await revoke(server, 'gateway', OFFICE);

    const { peer, crl } = await mapOf(server, other, gateway.nodeId);
    const list = readCrl(crl, new CaBundle(cas).certificates);
    expect([peer.routes, certified(other, peer)]).toEqual([[], []]);
    expect(() => verifyNetworkCertificate(approved.networkCertificate, { ...trust, crl: list })).toThrow(/revoked/);
    expect(verifyNetworkCertificate(gateway.networkCertificate, { ...trust, crl: list }).nodeId).toBe(gateway.nodeId);
    expect(verifyNetworkCertificate(peer.networkCertificate, { ...trust, crl: list }).nodeId).toBe(gateway.nodeId);
  });

  it('may be approved for another node', async () => {
    const { server, other } = await start();
    await approve(server, 'gateway', OFFICE);
    await offer(server, other, [OFFICE]);
    await revoke(server, 'gateway', OFFICE);

    expect((await approve(server, 'other', OFFICE)).route).toMatchObject({ nodeName: 'other', approved: true });
  });
});
