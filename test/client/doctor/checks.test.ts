import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentServiceGetStatusResponse } from '../../../src/gen/networkcontroller/v1/agent.js';
import { MapSnapshot } from '../../../src/gen/networkcontroller/v1/node.js';
import { examine } from '../../../src/client/doctor/examine.js';
import type { CheckName, Finding } from '../../../src/client/doctor/finding.js';
import type { Contact, Machine } from '../../../src/client/doctor/machine.js';
import type { Patient } from '../../../src/client/doctor/patient.js';
import { openSession } from '../../../src/client/node-session.js';
import { joinNode } from '../../../src/client/join.js';
import type { Membership } from '../../../src/client/state/membership.js';
import { StateFolder } from '../../../src/client/state/state-folder.js';
import { parseClientConfig, type ClientConfig } from '../../../src/platform/config/client-config.js';
import { silentLog } from '../../../src/platform/log.js';
import { RunError } from '../../../src/platform/run.js';
import { readCertificate } from '../../../src/platform/x509/ca-bundle.js';
import { clientConfig } from '../../support/client-node.js';
import { ManualClock } from '../../support/clock.js';
import { openController, type Controller } from '../../support/controller.js';

let controller: Controller;
let membership: Membership;
let config: ClientConfig;
let folder: string;

beforeAll(async () => {
  controller = await openController();
  folder = mkdtempSync(join(tmpdir(), 'nc-test-'));
  const joined = parseClientConfig(JSON.stringify({ client: { name: 'web-1', device: 'recorded', stateDir: join(folder, 'state') } }), 'test.yml');
  await joinNode(joined, await controller.joinString());
  membership = StateFolder.open(joined.stateDir, silentLog).membership()!;
  config = { ...joined, device: 'auto' };
});
afterAll(async () => {
  await controller.stop();
  rmSync(folder, { recursive: true, force: true });
});

const REACHED: Contact = { endpoint: '203.0.113.10:6439', reached: 'tls', problem: '', aheadMs: 300 };
const refusedRun = (command: string): RunError => new RunError([command], 1, 'exit', '');
const status = (change: Partial<AgentServiceGetStatusResponse> = {}): AgentServiceGetStatusResponse =>
  AgentServiceGetStatusResponse.fromPartial({ name: 'web-1', network: 'default', zone: 'nc.internal', bindIp: '10.66.0.2', device: 'kernel', control: 'connected', tunnelUp: true, pid: 7, ...change });

/** A machine on which all is well, but for what a test changes. */
function machine(change: Partial<Machine> = {}): Machine {
  return {
    agentStatus: () => Promise.resolve(status()),
    contact: () => Promise.resolve(REACHED),
    controlRefusal: () => Promise.resolve(undefined),
    tcpProblem: () => Promise.resolve(undefined),
    seenBy: () => Promise.resolve('198.51.100.7:4000'),
    resolveEndpoints: (endpoints) => Promise.resolve([...endpoints]),
    run: () => Promise.resolve({ stdout: '', stderr: '' }),
    exists: () => true,
    readInterface: () => Promise.resolve({ kind: 'wireguard', up: true, mtu: 1280, addresses: ['10.66.0.2/24'] }),
    readOtherRoutes: () => Promise.resolve([{ destination: '192.168.1.0/24', device: 'eth0', connected: true }]),
    askServer: () => Promise.resolve(['10.66.0.2']),
    lookup: () => Promise.resolve('10.66.0.2'),
    ...change,
  };
}

const map = (): MapSnapshot =>
  MapSnapshot.fromPartial({
    network: { name: 'default', cidr: '10.66.0.0/24', mtu: 1280, zone: 'nc.internal', controller: { bindIp: '10.66.0.1', endpoints: ['203.0.113.10:6441'], probeEndpoints: ['203.0.113.10:6442'] } },
  });

function patient(change: Partial<Patient> = {}, on: Partial<Machine> = {}): Patient {
  return { config, clock: new ManualClock(Date.now()), machine: machine(on), membership, stateProblem: '', map: map(), status: status(), contacts: [REACHED], ...change };
}

async function findings(check: CheckName, change: Partial<Patient> = {}, on: Partial<Machine> = {}): Promise<Finding[]> {
  return (await examine(patient(change, on))).filter((finding) => finding.check === check);
}

/** A clock at some part of the life of the node's network certificate. */
function clockAt(part: number): ManualClock {
  const { validFrom, validTo } = readCertificate(membership.networkCertificate);
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  return new ManualClock(from + (to - from) * part);
}

describe('the doctor', () => {
  it('finds nothing on a machine on which all is well, and looks at everything', async () => {
    const all = await examine(patient());

    expect(all.filter(({ result }) => result !== 'ok')).toEqual([]);
    expect(new Set(all.map(({ check }) => check)).size).toBe(12);
  });

  it('goes on when one of its looks fails itself', async () => {
    const all = await examine(patient({}, { readOtherRoutes: () => Promise.reject(new Error('ip: permission denied')) }));

    expect(all.find(({ check }) => check === 'overlap')).toMatchObject({ result: 'warn', says: 'not looked at: ip: permission denied' });
    expect(all.filter(({ check }) => check !== 'overlap').every(({ result }) => result === 'ok')).toBe(true);
  });

  it('says of a machine that has not joined only that, and what it has', async () => {
    const all = await examine(patient({ membership: undefined, map: undefined, status: undefined, contacts: [] }));

    expect(all.map(({ check, result }) => [check, result])).toEqual([['state', 'fail'], ['wireguard', 'ok']]);
    expect(all[0]).toMatchObject({ says: expect.stringContaining('has not joined'), mend: expect.stringContaining('nc-client join') });
  });

  it('gives a mend with all that is wrong', async () => {
    const all = await examine(patient({ status: undefined, clock: clockAt(1.5), contacts: [{ ...REACHED, reached: 'nothing', problem: 'ECONNREFUSED', aheadMs: undefined }] }, { seenBy: () => Promise.resolve(undefined) }));

    expect(all.filter(({ result }) => result !== 'ok').length).toBeGreaterThan(3);
    for (const { result, mend } of all) expect(mend === '').toBe(result === 'ok');
  });
});

describe('the doctor names', () => {
  it('a state folder that others may enter', async () => {
    expect(await findings('state', { membership: undefined, stateProblem: '/x: want mode 700, found 755' })).toMatchObject([{ result: 'fail', says: '/x: want mode 700, found 755', mend: expect.stringContaining('700') }]);
  });

  it('an agent that does not run, and what a running one complains of', async () => {
    expect(await findings('agent', { status: undefined })).toMatchObject([{ result: 'fail', mend: expect.stringContaining('nc-client up --detach') }]);
    expect(await findings('agent', { status: status({ health: ['something is odd'] }) })).toMatchObject([{ result: 'ok' }, { result: 'warn', says: 'something is odd' }]);
  });

  it.each([
    ['valid in the future', -0.1, 'fail', 'is valid only in'],
    ['in time', 0.5, 'ok', 'ends in'],
    ['not renewed', 0.9, 'warn', 'was not renewed in time'],
    ['run out', 1.1, 'fail', 'certificate ended'],
  ] as const)('a certificate that is %s', async (_what, part, result, says) => {
    expect((await findings('certificate', { clock: clockAt(part) })).find(({ says }) => says.includes('network'))).toMatchObject({ result, says: expect.stringContaining(says) });
  });

  it('a certificate that is revoked, by the list of the last map', async () => {
    const other = clientConfig({ name: 'gone' });
    await joinNode(other, await controller.joinString());
    const gone = StateFolder.open(other.stateDir, silentLog).membership()!;
    await new Promise((resolve, reject) => controller.admin.revokeNode({ node: 'gone', network: '', reason: '' }, (error) => (error ? reject(error) : resolve(undefined))));
    const list = await crlOf(controller);

    const found = await findings('certificate', { membership: gone, map: { ...map(), crl: list } });

    expect(found[0]).toMatchObject({ result: 'fail', says: 'the network certificate of this node is revoked', mend: expect.stringContaining('join --replace') });
    expect((await findings('certificate', { map: { ...map(), crl: list } })).every(({ result }) => result === 'ok')).toBe(true);
    expect((await findings('certificate', { map: { ...map(), crl: Buffer.from('forged') } })).every(({ result }) => result === 'ok')).toBe(true);
  });

  it.each([
    ['agrees', 2_000, 'ok', 'agree'],
    ['is a little ahead', 8_000, 'warn', '8 s ahead of'],
    ['is far ahead', 3_600_000, 'fail', '3600 s ahead of'],
    ['is far behind', -120_000, 'fail', '120 s behind'],
  ] as const)('a clock that %s', async (_what, aheadMs, result, says) => {
    expect(await findings('clock', { contacts: [{ ...REACHED, aheadMs }] })).toMatchObject([{ result, says: expect.stringContaining(says) }]);
  });

  it('a clock that nobody can be asked about', async () => {
    expect(await findings('clock', { contacts: [{ ...REACHED, aheadMs: undefined }] })).toMatchObject([{ result: 'warn' }]);
  });

  it.each([
    ['nothing listens', 'connect ECONNREFUSED', 'nothing listens there'],
    ['packets are dropped', 'no answer within 4000 ms', 'let TCP out to port'],
    ['the name does not resolve', 'getaddrinfo ENOTFOUND ctl', 'the name does not resolve'],
  ])('a controller at which %s, with its port', async (_what, problem, mend) => {
    const found = await findings('controller', {}, { controlRefusal: () => Promise.resolve({ code: 'unavailable', message: 'gone' }), tcpProblem: () => Promise.resolve(problem) });

    expect(found[0]).toMatchObject({ result: 'fail', says: expect.stringMatching(/:\d+ \(control\) cannot be reached by TCP/), mend: expect.stringContaining(mend) });
  });

  it('a controller that refuses this node, and one that speaks only TCP', async () => {
    const refusing = (code: 'node_revoked' | 'unavailable') => ({ controlRefusal: () => Promise.resolve({ code, message: 'no' }) });

    expect((await findings('controller', {}, refusing('node_revoked')))[0]).toMatchObject({ result: 'fail', says: expect.stringContaining('refuses this node'), mend: expect.stringContaining('join --replace') });
    expect((await findings('controller', {}, refusing('unavailable')))[0]).toMatchObject({ result: 'fail', says: expect.stringContaining('answers TCP but not this node') });
  });

  it('one control endpoint of two that is gone as worth knowing only', async () => {
    const two = { ...membership, facts: { ...membership.facts, controlEndpoints: ['192.0.2.1:6440', '192.0.2.2:6440'] } };
    const found = await findings('controller', { membership: two }, { controlRefusal: (endpoint) => Promise.resolve(endpoint.startsWith('192.0.2.1') ? { code: 'unavailable', message: 'x' } : undefined), tcpProblem: () => Promise.resolve('timeout') });

    expect(found.map(({ result }) => result)).toEqual(['warn', 'ok', 'ok']);
  });

  it('a bootstrap listener that does not answer, or with a certificate that is not believed', async () => {
    expect((await findings('controller', { contacts: [{ ...REACHED, reached: 'nothing', problem: 'ECONNREFUSED' }] })).at(-1)).toMatchObject({ result: 'warn', says: expect.stringContaining('6439 (bootstrap)') });
    expect((await findings('controller', { contacts: [{ ...REACHED, problem: 'CERT_HAS_EXPIRED' }] })).at(-1)).toMatchObject({ result: 'warn', says: expect.stringContaining('CERT_HAS_EXPIRED'), mend: expect.stringContaining('clocks') });
  });

  it('UDP that is blocked, and says when TCP carries it all the same', async () => {
    const silent = { seenBy: () => Promise.resolve(undefined) };

    expect(await findings('udp', { status: status({ tunnelUp: false }) }, silent)).toMatchObject([{ result: 'fail', says: expect.stringContaining('203.0.113.10:6441 does not answer UDP'), mend: expect.stringContaining('6441') }]);
    expect(await findings('udp', { status: undefined }, silent)).toMatchObject([{ result: 'fail', says: expect.stringContaining('TCP cannot take its place') }]);
    const withTcp = map();
    withTcp.network!.controller!.httpsEndpoints = ['203.0.113.10:6442'];
    expect(await findings('udp', { status: undefined, map: withTcp }, silent)).toMatchObject([{ result: 'warn', says: expect.stringContaining('203.0.113.10:6442 takes its place') }]);
    expect(await findings('udp', { status: undefined, map: withTcp }, { ...silent, tcpProblem: () => Promise.resolve('ECONNREFUSED') })).toMatchObject([{ result: 'fail', mend: expect.stringContaining('or TCP to 203.0.113.10:6442') }]);
    expect(await findings('udp', {}, silent)).toMatchObject([{ result: 'warn', says: expect.stringContaining('over TCP') }]);
  });

  it('one UDP port that is blocked, and WireGuard dropped where STUN passes', async () => {
    const half = { seenBy: (endpoint: string) => Promise.resolve(endpoint.endsWith(':6442') ? '198.51.100.7:4000' : undefined) };

    expect(await findings('udp', { status: status({ tunnelUp: false }) }, half)).toMatchObject([{ result: 'fail', says: expect.stringContaining('although 203.0.113.10:6442 does') }]);
    expect(await findings('udp', { status: status({ tunnelUp: false }) })).toMatchObject([{ result: 'fail', says: expect.stringContaining('WireGuard has no session') }]);
  });

  it('a NAT that is symmetric', async () => {
    expect(await findings('udp', {}, { seenBy: (endpoint) => Promise.resolve(`198.51.100.7:${endpoint.slice(-4)}`) })).toMatchObject([{ result: 'ok', says: expect.stringContaining('another port') }]);
  });

  it('a path that does not carry the overlay’s packets, and the MTU that fits', async () => {
    const upTo = (most: number): Partial<Machine> => ({
      run: (command, args) => (command === 'ping' && Number(args[args.indexOf('-s') + 1]) + 28 > most ? Promise.reject(refusedRun('ping')) : Promise.resolve({ stdout: '', stderr: '' })),
    });

    expect(await findings('mtu', {}, upTo(1500))).toMatchObject([{ result: 'ok', says: expect.stringContaining('1340 outside') }]);
    expect(await findings('mtu', {}, upTo(1300))).toMatchObject([{ result: 'warn', mend: expect.stringContaining('at most 1240') }]);
    expect(await findings('mtu', { config: { ...config, mtu: 1420 } }, upTo(1400))).toMatchObject([{ result: 'warn', mend: 'set mtu: 1340 in client.yml' }]);
    expect(await findings('mtu', {}, upTo(0))).toMatchObject([{ result: 'ok', says: expect.stringContaining('not measured') }]);
  });

  it.each([
    ['tools that are missing', 'auto', ['wg', 'ip'], true, 'fail', 'wireguard-tools and iproute2 are not installed'],
    ['a kernel without WireGuard', 'kernel', ['modprobe'], false, 'fail', 'this kernel has no WireGuard'],
    ['neither kernel nor wireguard-go', 'auto', ['modprobe', 'wireguard-go'], false, 'fail', 'the kernel has no WireGuard, and wireguard-go and /dev/net/tun are missing'],
    ['wireguard-go where it is chosen', 'wireguard-go', [], true, 'ok', 'wireguard-go carries'],
    ['the kernel’s', 'auto', [], true, 'ok', 'the kernel has WireGuard'],
    ['a device that is only recorded', 'recorded', ['wg'], false, 'ok', 'carries no packets'],
  ] as const)('%s', async (_what, device, missing, exists, result, says) => {
    const on: Partial<Machine> = { run: (command) => ((missing as readonly string[]).includes(command) ? Promise.reject(refusedRun(command)) : Promise.resolve({ stdout: '', stderr: '' })), exists: () => exists };

    expect(await findings('wireguard', { config: { ...config, device } }, on)).toMatchObject([{ result, says: expect.stringContaining(says) }]);
  });

  it.each([
    ['gone', undefined, 'is gone'],
    ['down', { kind: 'wireguard', up: false, mtu: 1280, addresses: ['10.66.0.2/24'] }, 'is down'],
    ['without its address', { kind: 'wireguard', up: true, mtu: 1280, addresses: ['10.9.9.9/24'] }, 'has 10.9.9.9 and not 10.66.0.2'],
  ])('an interface that is %s', async (_what, found, says) => {
    expect(await findings('interface', {}, { readInterface: () => Promise.resolve(found) })).toMatchObject([{ result: 'fail', says: expect.stringContaining(says) }]);
  });

  it('a network of this machine that the overlay collides with', async () => {
    expect(await findings('overlap', {}, { readOtherRoutes: () => Promise.resolve([{ destination: '10.66.0.128/25', device: 'docker0', connected: true }]) })).toMatchObject([
      { result: 'fail', says: 'the overlay 10.66.0.0/24 collides with the route to 10.66.0.128/25 on docker0', mend: expect.stringContaining('networkAddr') },
    ]);
  });

  it('a zone that is not answered, and a resolver that does not ask', async () => {
    const failing = () => Promise.reject(new Error('queryA ETIMEOUT'));

    expect(await findings('dns', {}, { askServer: failing })).toMatchObject([{ result: 'fail', says: expect.stringContaining('10.66.0.1 does not answer for web-1.default.nc.internal') }]);
    expect(await findings('dns', {}, { askServer: () => Promise.resolve(['10.66.0.9']) })).toMatchObject([{ result: 'warn', says: expect.stringContaining('is 10.66.0.9 and not') }]);
    expect(await findings('dns', {}, { lookup: failing })).toMatchObject([{ result: 'warn', mend: expect.stringContaining('"nc-client status"') }]);
  });

  it('a machine whose DNS the agent was told to leave alone', async () => {
    const failing = () => Promise.reject(new Error('ENOTFOUND'));

    expect(await findings('dns', { config: { ...config, hostDns: 'off' } }, { lookup: failing })).toMatchObject([{ result: 'warn', mend: expect.stringContaining('set "hostDns: auto" in client.yml') }]);
  });
});

/** The revocation list in force, as the map carries it. */
async function crlOf({ joinString }: Controller): Promise<Buffer> {
  const config = clientConfig({ name: 'witness' });
  await joinNode(config, await joinString());
  const witness = StateFolder.open(config.stateDir, silentLog).membership()!;
  const session = openSession(witness.facts.controlEndpoints[0]!, witness);
  try {
    for await (const { message } of session.watch({ epoch: '', fromRevision: 0n, agentVersion: 'test' })) {
      if (message?.$case === 'snapshot' && message.value.last) return message.value.crl;
    }
    throw new Error('no snapshot');
  } finally {
    session.close();
  }
}

describe('reach', () => {
  const without = (program: string): Partial<Machine> => ({ run: (command) => (command === program ? Promise.reject(new RunError([command], undefined, 'missing', '')) : Promise.resolve({ stdout: '1\n', stderr: '' })) });

  it('is wrong without nftables where something is to be forwarded, and worth knowing elsewhere', async () => {
    expect(await findings('reach', { config: { ...config, exitNode: true } }, without('nft'))).toMatchObject([{ result: 'fail', mend: '"apt install nftables"' }]);
    expect(await findings('reach', {}, without('nft'))).toMatchObject([{ result: 'warn' }]);
  });

  it('is wrong when the kernel does not forward to an approved route', async () => {
    const routing = { status: status({ routes: ['192.168.7.0/24'] }) };

    expect(await findings('reach', routing, { run: () => Promise.resolve({ stdout: '0\n', stderr: '' }) })).toMatchObject([{ result: 'fail', says: expect.stringContaining('192.168.7.0/24') }]);
    expect(await findings('reach', routing, without('none'))).toMatchObject([{ result: 'ok' }]);
  });

  it('names the command for a route that waits for approval', async () => {
    expect(await findings('reach', { status: status({ waitingRoutes: ['192.168.7.0/24'] }) })).toMatchObject([{ result: 'warn', mend: 'an admin: "ncadm route approve web-1 192.168.7.0/24"' }]);
  });

  it('tells which network behind another node this machine is in itself', async () => {
    const peers = [{ name: 'gw', routes: ['192.168.1.0/24', '192.168.9.0/24', '0.0.0.0/0'] }];
    const here = { map: MapSnapshot.fromPartial({ ...map(), peers }) };

    expect(await findings('overlap', here)).toMatchObject([{ result: 'ok' }, { result: 'warn', says: '192.168.1.0/24 is not reached through gw: this machine has 192.168.1.0/24 on eth0 itself' }]);
  });
});
