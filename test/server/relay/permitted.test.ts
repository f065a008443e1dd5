import { beforeEach, expect, it } from 'vitest';
import { RelayServiceWatchResponse, type RelayNode } from '../../../src/gen/networkcontroller/v1/relay.js';
import { Permitted } from '../../../src/server/relay/permitted.js';

/** What a rendezvous was told, in order. */
let told: string[] = [];
beforeEach(() => void (told = []));

const peers = {
  setPeer: ({ nodeId }: { nodeId: string }) => void told.push(`+${nodeId}`),
  removePeer: (nodeId: string) => void told.push(`-${nodeId}`),
  setNetwork: ({ name, interconnection }: { name: string; interconnection: boolean }) => void told.push(`${name}:${interconnection}`),
};
const node = (nodeId: string): RelayNode => ({ nodeId, network: 'default', wgPublicKey: Buffer.alloc(32, nodeId) });
const message = (fields: Parameters<typeof RelayServiceWatchResponse.fromPartial>[0]): RelayServiceWatchResponse => RelayServiceWatchResponse.fromPartial(fields);

it('cuts nobody off while a new whole is coming, and then those who are not in it', () => {
  const permitted = new Permitted(peers);
  permitted.take(message({ reset: true, complete: true, nodes: [node('a'), node('b'), node('c')] }));
  told = [];

  permitted.take(message({ reset: true, nodes: [node('a')] }));
  expect(told).toEqual(['+a']);
  permitted.take(message({ nodes: [node('c')] }));
  expect(told).not.toContain('-b');
  permitted.take(message({ complete: true }));

  expect(told).toEqual(['+a', '+c', '-b']);
  expect(permitted.size).toBe(2);
});

it('takes changes after the whole as changes', () => {
  const permitted = new Permitted(peers);
  permitted.take(message({ reset: true, complete: true, nodes: [node('a')] }));

  permitted.take(message({ complete: true, nodes: [node('b')] }));
  permitted.take(message({ complete: true, removedNodeIds: ['a'] }));

  expect(told).toEqual(['+a', '+b', '-a']);
});

it('begins again when a new whole is interrupted by another', () => {
  const permitted = new Permitted(peers);
  permitted.take(message({ reset: true, complete: true, nodes: [node('a'), node('b')] }));
  permitted.take(message({ reset: true, nodes: [node('a'), node('b')] }));

  permitted.take(message({ reset: true, complete: true, nodes: [node('b')] }));

  expect(told.at(-1)).toBe('-a');
  expect(permitted.size).toBe(1);
});

it('takes no node out when a part of the whole names one that goes meanwhile', () => {
  const permitted = new Permitted(peers);
  permitted.take(message({ reset: true, nodes: [node('a'), node('b')] }));

  permitted.take(message({ removedNodeIds: ['b'] }));
  permitted.take(message({ complete: true }));

  expect(permitted.snapshot().nodes.map(({ nodeId }) => nodeId)).toEqual(['a']);
});

it('keeps for the disk a whole that makes another relay of it the same', () => {
  const permitted = new Permitted(peers);
  permitted.take(message({ reset: true, complete: true, networks: [{ name: 'default', interconnection: false }], nodes: [node('a'), node('b')] }));
  const before = told;
  told = [];

  const again = new Permitted(peers);
  again.take(RelayServiceWatchResponse.decode(RelayServiceWatchResponse.encode(permitted.snapshot()).finish()));

  expect(told).toEqual(before);
  expect(told).toContain('default:false');
});
