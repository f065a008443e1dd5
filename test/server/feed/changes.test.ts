import { describe, expect, it } from 'vitest';
import { BundleRecord, CrlRecord, NetworkRecord, NodeRecord, ServiceRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { WatchResponse } from '../../../src/gen/networkcontroller/v1/node.js';
import { NetworkConfig, Peer, TrustBundle } from '../../../src/gen/networkcontroller/v1/types.js';
import { changesOf } from '../../../src/server/feed/changes.js';
import { encodePeer, encodeSnapshotChunk, serviceOf } from '../../../src/server/feed/encoded.js';
import { ROOT } from '../../../src/server/store/keys.js';
import type { StoreEvent } from '../../../src/server/store/store.js';

const put = (path: string, value: Uint8Array): StoreEvent => ({ type: 'put', key: ROOT + path, value, modRev: 7n });
const gone = (path: string): StoreEvent => ({ type: 'delete', key: ROOT + path, modRev: 7n });
const node = (record: Partial<NodeRecord>): Uint8Array => NodeRecord.encode(NodeRecord.fromPartial(record)).finish();

/** What one revision with these events means, by network. */
function changes(...events: StoreEvent[]) {
  return changesOf({ rev: 7n, atMs: 0, events }, () => ['default', 'lab'].map((name) => NetworkConfig.fromPartial({ name })), () => ['default', 'lab']);
}

const SECRETS = { tokenHash: Buffer.from('hash of the node token'), keysHash: Buffer.from('hash of the keys'), tokenId: 'id-of-token', grpcSerial: 'SERIAL', grpcSpki: Buffer.from('grpc key'), pendingGrpcSpki: Buffer.from('pending key') };

describe('of what is stored, agents are not told', () => {
  it.each(['t/ab/t1', 'c/ab/5F', 'a/00-1', 'k/ab/k1', 'p/default/ab/n1', 'b/default/ab/n1', 'i/default/ab/10.66.0.5', 'd/default/ab/web-1', 'w/ab/cd', 'cluster', 'clock', 'ca/grpc/1', 'nobody/knows'])('%s', (path) => {
    expect(changes(put(path, Buffer.alloc(0)), gone(path)).size).toBe(0);
  });

  it('the controller’s own place among the nodes', () => {
    const [of] = changes(put('n/default/ab/controller', node({ id: 'controller', reserved: true }))).values();

    expect(of).toEqual({ shared: [], nodes: [] });
  });

  it('a node’s token, serial numbers and keys for calls', () => {
    const peer = Peer.decode(encodePeer(NodeRecord.fromPartial({ id: 'n1', name: 'web-1', bindIp: '10.66.0.5', ...SECRETS })));

    expect(peer).toMatchObject({ nodeId: 'n1', name: 'web-1', bindIp: '10.66.0.5' });
    for (const secret of Object.values(SECRETS)) expect(Buffer.from(encodePeer(NodeRecord.fromPartial({ id: 'n1', ...SECRETS }))).includes(secret)).toBe(false);
  });

  it('who owns a service and since when its lease is over', () => {
    const told = serviceOf(ServiceRecord.fromPartial({ id: 's1', name: 'shop', owner: 'static', lapsedAtMs: 5 }));

    expect(told).toMatchObject({ id: 's1', name: 'shop', leaseLeftMs: 0 });
    expect(Object.keys(told)).not.toEqual(expect.arrayContaining(['owner']));
    expect(Object.keys(told)).not.toEqual(expect.arrayContaining(['lapsedAtMs']));
  });
});

describe('a change', () => {
  it('of one network is not told in another', () => {
    const told = changes(put('n/lab/ab/n1', node({ id: 'n1', network: 'lab' })), gone('s/default/ab/shop/s1'));

    expect([...told.keys()].sort()).toEqual(['default', 'lab']);
    expect(told.get('lab')).toMatchObject({ shared: [], nodes: [{ nodeId: 'n1', change: { change: { $case: 'peer' } } }] });
    expect(told.get('default')).toEqual({ shared: [{ change: { $case: 'serviceRemoved', value: 's1' } }], nodes: [] });
  });

  it('of what is trusted is told in every network', () => {
    const told = changes(put('crl', CrlRecord.encode(CrlRecord.fromPartial({ der: Buffer.from('crl') })).finish()), put('bundle/3', BundleRecord.encode(BundleRecord.fromPartial({ bundle: TrustBundle.encode(TrustBundle.fromPartial({ version: 3 })).finish() as Buffer })).finish()));

    for (const network of ['default', 'lab']) {
      expect(told.get(network)?.shared.map(({ change }) => change?.$case), network).toEqual(['crl', 'bundle']);
      expect(told.get(network)?.shared[1]).toMatchObject({ change: { value: { version: 3 } } });
    }
  });

  it('of a network’s settings is told in every network, since each knows of the others, in the words of the wire', () => {
    const told = changes(put('net/lab', NetworkRecord.encode(NetworkRecord.fromPartial({ name: 'lab' })).finish()));

    expect([...told]).toMatchObject(['default', 'lab'].map((name) => [name, { shared: [{ change: { $case: 'network', value: { name } } }] }]));
  });

  it('is told after those before it in the same revision', () => {
    const told = changes(put('n/default/ab/n1', node({ id: 'n1' })), gone('n/default/ab/n2'), put('n/default/ab/n3', node({ id: 'n3' })));

    expect(told.get('default')?.nodes.map(({ nodeId, record }) => [nodeId, record?.id])).toEqual([['n1', 'n1'], ['n2', undefined], ['n3', 'n3']]);
  });
});

it('a chunk of a map around peers that were encoded before is read as if it had been encoded whole', () => {
  const nodes = ['n1', 'n2', 'n3'].map((id) => NodeRecord.fromPartial({ id, name: id, labels: ['a', 'ü'] }));

  const { message } = WatchResponse.decode(encodeSnapshotChunk({ epoch: 'e1', revision: 9n, last: true }, nodes.map(encodePeer)));

  expect(message).toMatchObject({ $case: 'snapshot', value: { epoch: 'e1', revision: 9n, last: true, peers: nodes.map(({ id }) => ({ nodeId: id, name: id, labels: ['a', 'ü'] })) } });
});
