import { expect, it } from 'vitest';
import type { DeviceConfig, DevicePeer } from '../../../src/platform/wireguard/device.js';
import { LabDevice, someKeys, type Keys } from '../../support/lab-device.js';
import { aLab, describeLab } from '../../support/lab-vitest.js';
import type { Lab } from '../../support/lab.js';
import { until } from '../../support/until.js';

describeLab('a WireGuard device on Linux', () => {
  it('refuses a name that a foreign interface bears, and leaves that alone', async () => {
    const lab = aLab();
    await lab.machine('n1');
    await lab.ip('n1', 'link add wg0 type bridge');
    const before = await lab.ip('n1', '-d link');

    const setting = new LabDevice(lab, 'n1').set(aConfig());

    await expect(setting).rejects.toMatchObject({ code: 'device_failed', message: expect.stringContaining('wg0 exists and is not this node') });
    expect(await lab.ip('n1', '-d link')).toBe(before);
  });

  it('refuses the WireGuard interface of another node, and does not remove it either', async () => {
    const lab = aLab();
    await lab.machine('n1');
    const other = new LabDevice(lab, 'n1');
    await other.set(aConfig());

    const second = new LabDevice(lab, 'n1', { publicKey: someKeys().publicKey });

    await expect(second.set(aConfig())).rejects.toMatchObject({ code: 'device_failed' });
    await second.remove();
    expect(await other.observe()).toMatchObject({ peers: [] });
  });

  it('says that a wanted port is taken and keeps the one it has', async () => {
    const lab = aLab();
    await lab.machine('n1');
    const device = new LabDevice(lab, 'n1');
    const config = aConfig();
    await device.set(config);
    const port = (await device.observe())!.listenPort;
    await holdPort(lab, 'n1', 5000);

    const setting = device.set({ ...config, listenPort: 5000 });

    await expect(setting).rejects.toMatchObject({ code: 'port_taken', message: expect.stringContaining('5000') });
    expect((await device.observe())!.listenPort).toBe(port);
  });

  it('finds a network that overlaps with the overlay before it touches anything', async () => {
    const lab = aLab();
    await lab.machine('n1');
    await lab.bridge('n1', 'lan0', '10.66.0.200/25');
    const before = await everythingOf(lab, 'n1');
    const device = new LabDevice(lab, 'n1');

    const setting = device.set(aConfig());

    await expect(setting).rejects.toMatchObject({ code: 'network_overlap', message: expect.stringMatching(/10\.66\.0\.1\/24 overlaps with 10\.66\.0\.128\/25 on lan0/) });
    expect(await everythingOf(lab, 'n1')).toBe(before);
  });

  it('leaves out a route to a network that the machine is in itself', async () => {
    const lab = aLab();
    await lab.machine('n1');
    await lab.bridge('n1', 'lan0', '192.168.7.5/24');
    const device = new LabDevice(lab, 'n1');

    await device.set({ ...aConfig(), routes: ['192.168.7.0/24', '192.168.8.0/24'] });

    expect(await lab.ip('n1', 'route show proto 189')).toMatch(/^192\.168\.8\.0\/24 dev wg0 scope link *\n$/);
  });

  it('says what to do where a tool is missing', async () => {
    const lab = aLab();
    await lab.machine('n1');

    const setting = new LabDevice(lab, 'n1', { prefer: 'kernel' }).set(aConfig());

    // The kernel of this machine may have WireGuard after all.
    await setting.catch((error: unknown) => expect(error).toMatchObject({ code: 'device_failed', message: expect.stringContaining('device: auto') }));
  });

  it('carries packets between two nodes, with the MTU, the addresses and the routes of its configuration', async () => {
    const { lab, devices, configs } = await aPair();
    await devices[0].set({ ...configs[0], addresses: ['10.66.0.1/24', 'fd00:66::1/64'], routes: ['10.77.0.0/16', 'fd00:77::/48'] });

    expect(await pings(lab, 'n1', '10.66.0.2')).toBe(true);
    expect((await lab.ping('n1', '10.66.0.2', { payloadBytes: 1252 })).received).toBe(1);
    expect((await lab.ping('n1', '10.66.0.2', { payloadBytes: 1253 })).received).toBe(0);
    expect(await lab.ip('n1', 'address show dev wg0')).toMatch(/10\.66\.0\.1\/24[^]*fd00:66::1\/64/);
    expect(await lab.ip('n1', 'route show dev wg0')).toContain('10.77.0.0/16');
    expect(await lab.ip('n1', '-6 route show dev wg0')).toContain('fd00:77::/48');
  });

  it('changes nothing when it is told the same again', async () => {
    const { lab, devices, configs } = await aPair();
    expect(await pings(lab, 'n1', '10.66.0.2')).toBe(true);
    const before = await everythingOf(lab, 'n1');

    await devices[0].set(configs[0]);

    expect(await everythingOf(lab, 'n1')).toBe(before);
  });

  it('amends what has changed and nothing else: what somebody else did stays until all is looked at', async () => {
    const { lab, devices, configs, peers } = await aPair();
    const foreign = someKeys().publicKey;
    const third = { ...peers[1], publicKey: someKeys().publicKey, allowedIps: ['10.66.0.3/32'] };
    const shown = async () => (await devices[0].observe())!.peers.map(({ publicKey }) => publicKey).sort();
    await lab.exec('n1', ['wg', 'set', 'wg0', 'peer', foreign]);

    await devices[0].amend({ ...configs[0], peers: [peers[1], third] });
    expect(await shown()).toEqual([foreign, peers[1].publicKey, third.publicKey].sort());
    await devices[0].amend({ ...configs[0], peers: [peers[1]] });
    expect(await shown()).toEqual([foreign, peers[1].publicKey].sort());
    expect(await pings(lab, 'n1', '10.66.0.2')).toBe(true);

    await devices[0].set({ ...configs[0], peers: [peers[1]] });
    expect(await shown()).toEqual([peers[1].publicKey]);
  });

  it('looks at everything instead of amending when the interface is gone, or more than peers has changed', async () => {
    const { lab, devices, configs } = await aPair();

    await devices[0].amend({ ...configs[0], mtu: 1400 });
    expect(await lab.ip('n1', 'link show dev wg0')).toContain('mtu 1400');
    await lab.ip('n1', 'link del wg0');
    await until(() => devices[0].losses().length > 0, 'the loss to be noticed');
    await devices[0].amend({ ...configs[0], mtu: 1400 });

    expect((await devices[0].observe())!.peers).toHaveLength(1);
    expect(await pings(lab, 'n1', '10.66.0.2')).toBe(true);
  });

  it('takes away peers, addresses and routes that are no longer wanted, and a route of somebody else never', async () => {
    const { lab, devices, configs } = await aPair();
    await devices[0].set({ ...configs[0], addresses: ['10.66.0.1/24', 'fd00:66::1/64'], routes: ['10.77.0.0/16'] });
    await lab.ip('n1', 'route add 10.88.0.0/16 dev wg0');

    await devices[0].set({ ...configs[0], peers: [] });

    const state = (await devices[0].observe())!;
    expect(state.peers).toEqual([]);
    expect(await lab.ip('n1', 'address show dev wg0')).not.toContain('fd00:66::1');
    expect(await lab.ip('n1', 'route show dev wg0')).not.toContain('10.77.0.0/16');
    expect(await lab.ip('n1', 'route show dev wg0')).toContain('10.88.0.0/16');
  });

  it('moves to another address of the same network and another MTU', async () => {
    const { lab, devices, configs } = await aPair();

    await devices[0].set({ ...configs[0], addresses: ['10.66.0.7/24'], routes: ['10.77.0.0/16'], mtu: 1400 });

    expect(await lab.ip('n1', 'link show dev wg0')).toContain('mtu 1400');

    expect(await lab.ip('n1', '-4 -br address show dev wg0')).toMatch(/UNKNOWN +10\.66\.0\.7\/24 *$/m);
    expect(await lab.ip('n1', 'route show dev wg0')).toMatch(/10\.66\.0\.0\/24[^]*10\.77\.0\.0\/16/);
  });

  it('keeps the endpoint that WireGuard has learnt by roaming', async () => {
    const { lab, devices, configs, peers } = await aPair();
    expect(await pings(lab, 'n1', '10.66.0.2')).toBe(true);
    await devices[1].set({ ...configs[1], listenPort: 52_222 });
    expect(await pings(lab, 'n2', '10.66.0.1')).toBe(true);

    await devices[0].set({ ...configs[0], peers: [{ ...peers[1], endpoint: '203.0.113.99:1' }] });

    expect((await devices[0].observe())!.peers[0]!.endpoint).toBe('203.0.113.12:52222');
  });

  it('steers a live peer to another endpoint, and a fresh one without its session', async () => {
    const { devices, keys, lab } = await aPair();
    expect(await pings(lab, 'n1', '10.66.0.2')).toBe(true);

    await devices[0].steer(keys[1].publicKey, '203.0.113.12:4444');
    const steered = (await devices[0].observe())!.peers[0]!;
    await devices[0].steer(keys[1].publicKey, '203.0.113.12:4445', true);
    const fresh = (await devices[0].observe())!.peers[0]!;

    expect(steered).toMatchObject({ endpoint: '203.0.113.12:4444', persistentKeepalive: 25 });
    expect(steered.latestHandshakeMs).toBeGreaterThan(0);
    expect(fresh).toMatchObject({ endpoint: '203.0.113.12:4445', latestHandshakeMs: 0, allowedIps: ['10.66.0.2/32'] });
  });

  it('opens a NAT from the port of its peers, and shows no peer for it, then or later', async () => {
    const lab = aLab();
    await lab.wan();
    await lab.host('n1', '203.0.113.11');
    await lab.host('n2', '203.0.113.12');
    const device = new LabDevice(lab, 'n1');
    await device.set(aConfig());
    const { listenPort } = (await device.observe())!;
    const wire = await lab.capture('n2', 'eth0', 'udp and dst portrange 4000-4001');

    await device.open(['203.0.113.12:4000', '203.0.113.12:4001']);

    expect((await device.observe())!.peers).toEqual([]);
    // UDP's header begins after those of Ethernet and IPv4; WireGuard's handshake initiation has 148 bytes.
    const seen = await until(() => wire.frames().length >= 2 && wire.frames().map((frame) => [frame.readUInt16BE(34), frame.readUInt16BE(36), frame.readUInt16BE(38) - 8]));
    expect(seen.sort()).toEqual([[listenPort, 4000, 148], [listenPort, 4001, 148]]);
    await until(async () => (await lab.exec('n1', ['wg', 'show', 'wg0', 'peers'])).stdout === '', 'the peers for it to be gone');
  });

  it('tells of a deleted interface and makes it again on the port that peers and NATs know', async () => {
    const { lab, devices, configs } = await aPair();
    expect(await pings(lab, 'n1', '10.66.0.2')).toBe(true);

    await lab.ip('n1', 'link del wg0');
    await until(() => devices[0].losses().length > 0, 'the loss to be told');
    expect(await devices[0].observe()).toBeUndefined();
    await devices[0].set({ ...configs[0], listenPort: 0 });

    expect((await devices[0].observe())!.listenPort).toBe(configs[0].listenPort);
    expect(await pings(lab, 'n1', '10.66.0.2')).toBe(true);
    expect(devices[0].losses()).toHaveLength(1);
  });

  it('recovers when wireguard-go is killed, whose stale socket is no obstacle', async () => {
    const { lab, devices, configs } = await aPair({ prefer: 'wireguard-go' });
    expect(await pings(lab, 'n1', '10.66.0.2')).toBe(true);

    for (const pid of await lab.pids('n1', 'wireguard-go')) process.kill(pid, 'SIGKILL');
    await until(() => devices[0].losses().length > 0, 'the loss to be told');
    await devices[0].set(configs[0]);

    expect(await pings(lab, 'n1', '10.66.0.2')).toBe(true);
    expect(devices[0].losses()).toHaveLength(1);
  });

  it('recovers when the socket of wireguard-go is deleted', async () => {
    const { lab, devices, configs } = await aPair({ prefer: 'wireguard-go' });

    await lab.exec('n1', ['rm', '/run/wireguard/wg0.sock']);
    await until(() => devices[0].losses().length > 0, 'the loss to be told');
    await devices[0].set(configs[0]);

    expect(await pings(lab, 'n1', '10.66.0.2')).toBe(true);
  });

  it('lets the next agent take the running interface over without losing a packet', async () => {
    const { lab, devices, configs } = await aPair();
    expect(await pings(lab, 'n1', '10.66.0.2')).toBe(true);
    const stream = lab.pinging('n2', '10.66.0.1');

    await devices[0].process.stop('SIGKILL');
    const next = new LabDevice(lab, 'n1');
    await next.set(configs[0]);
    const port = (await next.observe())!.listenPort;
    const result = await stream.stop();

    expect(result.sent).toBeGreaterThan(10);
    expect(result.sent - result.received).toBeLessThanOrEqual(1); // the one in flight when the count stops
    await lab.ip('n1', 'link del wg0');
    await until(() => next.losses().length > 0, 'the loss of an interface that another agent made');
    await next.set(configs[0]);
    expect((await next.observe())!.listenPort).toBe(port);
  });

  it('leaves the interface running when released, and nothing at all when removed', async () => {
    const lab = aLab();
    await lab.machine('n1');
    const before = await everythingOf(lab, 'n1');
    const keys = someKeys();
    const first = new LabDevice(lab, 'n1');
    await first.set({ ...aConfig(keys), routes: ['10.77.0.0/16'] });

    await first.release();
    await first.process.stop('SIGTERM');
    expect(await everythingOf(lab, 'n1')).not.toBe(before);
    const next = new LabDevice(lab, 'n1', { publicKey: keys.publicKey });
    await next.remove();
    await next.remove();

    expect(await everythingOf(lab, 'n1')).toBe(before);
    expect(next.losses()).toEqual([]);
    await next.process.stop();
    await until(async () => (await lab.pids('n1', 'wireguard-go')).length === 0, 'wireguard-go to be gone');
  });

  it('shows the private key to nobody: not in an argument list, not in a file that stays', async () => {
    const { lab, configs } = await aPair();

    const { stdout } = await lab.exec('n1', ['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "; grep -rl . /run --include="*key*" || true']);

    expect(stdout).not.toContain(configs[0].privateKey);
    expect(stdout).not.toContain('.key');
  });
});

interface Pair {
  readonly lab: Lab;
  readonly keys: readonly [Keys, Keys];
  readonly peers: readonly [DevicePeer, DevicePeer];
  readonly configs: readonly [DeviceConfig, DeviceConfig];
  readonly devices: readonly [LabDevice, LabDevice];
}

/** Two public hosts n1 (10.66.0.1) and n2 (10.66.0.2), each with the other as its peer; n1 waits for the first packet. */
async function aPair(options: { prefer?: string } = {}): Promise<Pair> {
  const lab = aLab();
  await lab.wan();
  await lab.host('n1', '203.0.113.11');
  await lab.host('n2', '203.0.113.12');
  const keys = [someKeys(), someKeys()] as const;
  const peers = [1, 2].map((n) => ({
    publicKey: keys[n - 1]!.publicKey,
    allowedIps: [`10.66.0.${n}/32`],
    endpoint: `203.0.113.1${n}:${51_810 + n}`,
    persistentKeepalive: n === 2 ? 0 : 25,
  })) as unknown as [DevicePeer, DevicePeer];
  const configs = [1, 2].map((n) => ({
    ...aConfig(keys[n - 1]),
    addresses: [`10.66.0.${n}/24`],
    listenPort: 51_810 + n,
    peers: [peers[2 - n]!],
  })) as unknown as [DeviceConfig, DeviceConfig];
  const devices = [new LabDevice(lab, 'n1', options), new LabDevice(lab, 'n2', options)] as const;
  await Promise.all([devices[0].set(configs[0]), devices[1].set(configs[1])]);
  return { lab, keys, peers, configs, devices };
}

function aConfig(keys = someKeys()): DeviceConfig {
  return { privateKey: keys.privateKey, listenPort: 0, addresses: ['10.66.0.1/24'], mtu: 1280, routes: [], peers: [] };
}

function pings(lab: Lab, machine: string, address: string): Promise<boolean> {
  return until(async () => (await lab.ping(machine, address, { waitSeconds: 0.5 })).received === 1, `${machine} to reach ${address}`);
}

/** Whatever set() could have touched, as text; counters and times left out. */
async function everythingOf(lab: Lab, machine: string): Promise<string> {
  const { stdout } = await lab.exec(machine, ['sh', '-c', 'ip -d link; ip address; ip route; ip -6 route; wg show all allowed-ips; wg show all endpoints; wg show all persistent-keepalive; find /run -not -path "*/nc-*"']);
  // What the kernel counts by itself.
  return stdout.replace(/gc_timer +[\d.]+/g, '').replaceAll(' tentative', '');
}

async function holdPort(lab: Lab, machine: string, port: number): Promise<void> {
  const holder = lab.spawn(machine, [process.execPath, '-e', `require('node:dgram').createSocket('udp4').bind(${port}, () => console.log('bound'))`]);
  await until(() => holder.output().includes('bound'));
}
