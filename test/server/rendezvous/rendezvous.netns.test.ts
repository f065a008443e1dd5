import { expect, it } from 'vitest';
import { describeLab } from '../../support/lab-vitest.js';
import { RendezvousLab } from '../../support/rendezvous-lab.js';
import { until } from '../../support/until.js';

/** Gives all packets to the hub another source port from now on. */
const NEW_MAPPING = `table ip nat {
  chain after {
    type nat hook postrouting priority srcnat
    udp dport 6441 masquerade to :40000
  }
}
`;

describeLab('the rendezvous and real WireGuard', () => {
  it('completes a handshake without privilege, learns the endpoint and answers ping and DNS', async () => {
    const net = await RendezvousLab.open(1);

    await net.wireguard('n1');
    const learnt = await until(() => net.hub.event('endpoint'));
    const pings = [await net.lab.ping('n1', '10.66.0.1', { count: 3 }), await net.lab.ping('n1', 'fd00:66::1', { count: 3 })];
    const digs = await Promise.all(['10.66.0.1', 'fd00:66::1'].map((server) => net.lab.exec('n1', ['dig', `@${server}`, '+short', '+tries=1', 'any.nc.internal'])));

    expect(net.hub.event('ready')).toMatchObject({ capabilities: '0000000000000000' });
    expect(learnt).toMatchObject({ nodeId: 'n1', endpoint: `203.0.113.11:${await net.listenPort('n1')}` });
    expect(pings.map(({ received }) => received)).toEqual([3, 3]);
    expect(digs.map(({ stdout }) => stdout.trim())).toEqual(['192.0.2.53', '192.0.2.53']);
  });

  it('carries two nodes to each other and sees nothing of what they say', async () => {
    const net = await aTalkingPair();
    const capture = await net.lab.capture('hub', 'eth0', 'udp port 6441');

    // "nobody reads"
    await net.lab.exec('n1', ['ping', '-n', '-c', '5', '-i', '0.1', '-p', '6e6f626f6479207265616473', net.overlay('n2')]);
    const { ttl } = await net.lab.ping('n2', net.overlay('n1'));
    const seen = await until(() => capture.udpPayloads().length >= 20 && capture.udpPayloads(), 'ten packets in and out');

    // Nobody routed the packet: the relay is no hop.
    expect(ttl).toBe(64);
    expect(seen.every((payload) => payload.readUInt32LE(0) >= 1 && payload.readUInt32LE(0) <= 4)).toBe(true);
    expect(seen.filter((payload) => payload.includes('nobody reads'))).toEqual([]);
  });

  it('carries two nodes that are both behind symmetric NATs', async () => {
    const net = await RendezvousLab.behindNats(['sym', 'sym']);
    await Promise.all([net.wireguard('n1'), net.wireguard('n2')]);
    await until(() => net.hub.events('endpoint').length === 2);

    await net.introduce('n1', 'n2');

    await net.reaches('n1', 'n2');
    const addresses = net.hub.events('endpoint').map(({ endpoint }) => String(endpoint).replace(/:\d+$/, ''));
    expect(addresses.sort()).toEqual(['203.0.113.21', '203.0.113.22']);
  });

  it('carries a node that has only IPv4 to one that has only IPv6', async () => {
    const net = await RendezvousLab.open(2);
    await net.lab.ip('n2', 'addr flush dev eth0 scope global');
    await net.lab.ip('n2', 'addr add 2001:db8::12/64 dev eth0 nodad');
    await net.wireguard('n1');
    await net.wireguard('n2', { over: 'ip6' });
    await until(() => net.hub.events('endpoint').length === 2);

    await net.introduce('n1', 'n2');

    await net.reaches('n1', 'n2');
    expect(net.hub.event('endpoint')?.['endpoint']).toMatch(/^\[2001:db8::12\]:\d+$/);
  });

  it('lets a node find out that its NAT is symmetric, and that it is not', async () => {
    const net = await RendezvousLab.behindNats(['sym', 'cone']);
    const { probePort } = await until(() => net.hub.event('info'));
    const probe = `import { isNatSymmetric } from '${new URL('../../../src/client/symmetric-nat.ts', import.meta.url).href}';
      console.log(await isNatSymmetric(['203.0.113.10:6441', '203.0.113.10:${String(probePort)}']));`;
    const argv = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', probe];

    const answers = await Promise.all(['n1', 'n2'].map((node) => net.lab.exec(node, argv)));

    expect(answers.map(({ stdout }) => stdout.trim())).toEqual(['true', 'false']);
  });

  it('lets a node find out whether only answers get in to it', async () => {
    const net = await RendezvousLab.behindNats(['fullcone', 'cone']);
    const probe = `import { isNatPortRestricted } from '${new URL('../../../src/client/port-restriction.ts', import.meta.url).href}';
      console.log(await isNatPortRestricted('203.0.113.10:6441'), await isNatPortRestricted('203.0.113.10:9'));`;
    const argv = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', probe];

    const answers = await Promise.all(['n1', 'n2'].map((node) => net.lab.exec(node, argv)));

    expect(answers.map(({ stdout }) => stdout.trim())).toEqual(['false undefined', 'true undefined']);
  });

  it('cuts a removed node off although it and its peers go on trying', async () => {
    const net = await aTalkingPair();

    await net.hub.remove('n2');

    expect(await net.lab.ping('n1', net.overlay('n2'), { waitSeconds: 0.3 })).toMatchObject({ received: 0 });
    expect(await net.lab.ping('n2', '10.66.0.1', { waitSeconds: 0.3 })).toMatchObject({ received: 0 });
    expect(await net.lab.ping('n1', '10.66.0.1')).toMatchObject({ received: 1 });
  });

  it('gets through to a WireGuard that has to bring a cookie', async () => {
    const net = await RendezvousLab.open(1, { handshakesPerSecond: 0 });

    await net.wireguard('n1', { keepaliveSeconds: 1 });

    await until(() => net.hub.event('endpoint'));
    expect((await net.hub.stats()).droppedByReason.cookie_asked).toBeGreaterThan(0);
  });

  it('follows a node whose NAT gives it another port', async () => {
    const net = await RendezvousLab.open(1);
    await net.wireguard('n1', { keepaliveSeconds: 1 });
    await until(() => net.hub.event('endpoint'));

    await net.lab.nft('n1', NEW_MAPPING);

    await until(() => net.hub.event('endpoint')?.['endpoint'] === '203.0.113.11:40000');
    expect(await net.lab.ping('n1', '10.66.0.1')).toMatchObject({ received: 1 });
  });

  it('goes on relaying for a node whose NAT gives it another port, long before its keepalive', async () => {
    const net = await aTalkingPair();

    await net.lab.nft('n1', NEW_MAPPING);
    const { received } = await net.lab.ping('n1', net.overlay('n2'), { count: 20, intervalSeconds: 0.1 });

    expect(received).toBeGreaterThanOrEqual(18);
    expect(net.hub.event('endpoint')?.['endpoint']).toBe('203.0.113.11:40000');
  });
});

/** Two nodes that have pinged each other through the relay. */
async function aTalkingPair(): Promise<RendezvousLab> {
  const net = await RendezvousLab.open(2);
  await Promise.all([net.wireguard('n1'), net.wireguard('n2')]);
  await until(() => net.hub.events('endpoint').length === 2);
  await net.introduce('n1', 'n2');
  await net.reaches('n1', 'n2');
  return net;
}
