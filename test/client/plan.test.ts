import { describe, expect, it } from 'vitest';
import { isInitiator, planDevice, type PlanInput } from '../../src/client/plan.js';
import { NetworkConfig, Peer } from '../../src/gen/networkcontroller/v1/types.js';
import { formatWireGuardKey } from '../../src/platform/wireguard/keys.js';
import { RecordedDevice } from '../../src/platform/wireguard/recorded-device.js';
import { someKeys } from '../support/lab-device.js';

const RELAY = '203.0.113.10:6441';
const SELF = { ...someKeys(), bindIp: '10.66.0.5', bindIp6: '', listenPort: 0, mtu: 0 };

describe('the plan of the device', () => {
  it('has only the controller where nodes may not talk to each other', () => {
    const plan = planDevice(anInput({ network: aNetwork({ interconnection: false }), peers: [aPeer('a', { routes: ['192.168.7.0/24'] })] }));

    expect(plan.peers.map(({ allowedIps }) => allowedIps)).toEqual([['10.66.0.1/32']]);
    expect(plan.routes).toEqual([]);
  });

  it('puts the controller first and keeps it alive', () => {
    const plan = planDevice(anInput({ peers: [aPeer('a')] }));

    expect(plan.peers[0]).toEqual({
      publicKey: formatWireGuardKey(Buffer.alloc(32, 1)),
      allowedIps: ['10.66.0.1/32'],
      endpoint: RELAY,
      persistentKeepalive: 25,
    });
  });

  it('begins every pair at the relay, and lets one side of each send first', () => {
    const peers = [aPeer('a', { wgPublicKey: Buffer.alloc(32, 0) }), aPeer('b', { wgPublicKey: Buffer.alloc(32, 0xff) })];

    const planned = planDevice(anInput({ peers })).peers.slice(1);

    expect(planned.map(({ endpoint }) => endpoint)).toEqual([RELAY, RELAY]);
    for (const { publicKey, persistentKeepalive } of planned) {
      expect(persistentKeepalive).toBe(isInitiator(SELF.publicKey, publicKey) ? 25 : 0);
      expect(isInitiator(SELF.publicKey, publicKey)).toBe(!isInitiator(publicKey, SELF.publicKey));
    }
  });

  it('begins where a peer was reached last when there is no controller to relay', () => {
    const plan = planDevice(anInput({ peers: [aPeer('a'), aPeer('b')], direct: { a: '198.51.100.4:51820' } }));

    expect(plan.peers.slice(1).map(({ endpoint }) => endpoint)).toEqual(['198.51.100.4:51820', RELAY]);
  });

  it('gives both families their addresses, and the second only where node and network have it', () => {
    const network = aNetwork({ cidr6: 'fd00:66::/64' });

    const plan = planDevice(anInput({ network, self: { ...SELF, bindIp6: 'fd00:66::5' }, peers: [aPeer('a', { bindIp6: 'fd00:66::9' })] }));

    expect(plan.addresses).toEqual(['10.66.0.5/24', 'fd00:66::5/64']);
    expect(plan.peers[1]!.allowedIps).toEqual(['10.66.0.9/32', 'fd00:66::9/128']);
    expect(planDevice(anInput({ network })).addresses).toEqual(['10.66.0.5/24']);
  });

  it('sends what has no other way to the one exit that was chosen, outside of the main table', () => {
    const peers = [aPeer('a', { name: 'exit-1', routes: ['0.0.0.0/0', '192.168.7.0/24'] }), aPeer('b', { name: 'exit-2', bindIp: '10.66.0.8', routes: ['0.0.0.0/0'] })];
    const allowed = (exit: string) => planDevice(anInput({ peers, exit })).peers.slice(1).map(({ allowedIps }) => allowedIps.includes('0.0.0.0/0'));

    expect([allowed(''), allowed('exit-2'), allowed('exit-1'), allowed('exit-3')]).toEqual([[false, false], [false, true], [true, false], [false, false]]);
    expect(planDevice(anInput({ peers, exit: 'exit-1' })).routes).toEqual(['192.168.7.0/24']);
  });

  it('gives a prefix that two peers offer to one of them, the same each time', () => {
    const peers = [aPeer('b', { bindIp: '10.66.0.8', routes: ['192.168.7.0/24'] }), aPeer('a', { routes: ['192.168.7.0/24'] })];

    const plan = planDevice(anInput({ peers }));
    const reversed = planDevice(anInput({ peers: peers.toReversed() }));

    expect(plan.routes).toEqual(['192.168.7.0/24']);
    const owner = (config: typeof plan) => config.peers.filter(({ allowedIps }) => allowedIps.includes('192.168.7.0/24')).map(({ allowedIps }) => allowedIps[0]);
    expect(owner(plan)).toEqual(['10.66.0.9/32']);
    expect(owner(reversed)).toEqual(owner(plan));
  });

  it("prefers the node's MTU to the network's and that to 1280", () => {
    expect(planDevice(anInput({ self: { ...SELF, mtu: 1400 } })).mtu).toBe(1400);
    expect(planDevice(anInput()).mtu).toBe(1380);
    expect(planDevice(anInput({ network: aNetwork({ mtu: 0 }) })).mtu).toBe(1280);
  });

  it('is what a device can be set to', async () => {
    const device = new RecordedDevice();

    await device.set(planDevice(anInput({ peers: [aPeer('a')] })));

    expect((await device.observe())!.publicKey).toBe(SELF.publicKey);
    expect((await device.observe())!.peers.size).toBe(2);
  });
});

function anInput(over: Partial<PlanInput> = {}): PlanInput {
  const { peers = [] } = over;
  return { self: SELF, network: aNetwork(), peers, routers: peers.filter(({ routes }) => routes.length > 0), ...over };
}

function aNetwork(over: Partial<NetworkConfig> = {}): NetworkConfig {
  const controller = { wgPublicKey: Buffer.alloc(32, 1), bindIp: '10.66.0.1', endpoints: [RELAY] };
  return NetworkConfig.fromPartial({ name: 'default', cidr: '10.66.0.0/24', mtu: 1380, interconnection: true, controller, ...over });
}

function aPeer(nodeId: string, over: Partial<Peer> = {}): Peer {
  return Peer.fromPartial({ nodeId, bindIp: '10.66.0.9', wgPublicKey: Buffer.alloc(32, nodeId), ...over });
}
