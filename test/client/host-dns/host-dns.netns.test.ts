import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LabCluster, type LabNode } from '../../support/lab-cluster.js';
import { describeLab } from '../../support/lab-vitest.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { until } from '../../support/until.js';

/** Only ends a test that hangs. */
const LIMIT_MS = 120_000;
/** As a DHCP client leaves it: no line feed at the end. */
const BEFORE = '# by the DHCP client\nsearch example.net\nnameserver 203.0.113.1';
/** Everything is 192.0.2.7 for the name server that the machine had before. */
const NAME_SERVER = `
const { decode, encode } = require('dns-packet');
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (bytes, from) => {
  const { id, questions } = decode(bytes);
  const answers = questions[0].type === 'A' ? [{ name: questions[0].name, type: 'A', ttl: 60, data: '192.0.2.7' }] : [];
  socket.send(encode({ type: 'response', id, flags: 0x180, questions, answers }), from.port, from.address);
});
socket.bind(53, '203.0.113.1', () => console.log('ready'));`;
/** Says what it is told to; one that answers "status" is one that runs. */
const RESOLVECTL = '#!/bin/sh\necho "$@" >>"$RESOLVECTL_LOG"\n';

describeLab('a machine whose agent runs', () => {
  it('resolves the names of the network, controller or not, and all others as before', async () => {
    const { cluster, node, other } = await aMachine();
    cluster.startAgent(node);
    await until(() => resolves(cluster, node, 'n2.default.nc.internal', other.address), 'the name of another node to resolve', LIMIT_MS);

    expect(await resolves(cluster, node, 'www.example.net', '192.0.2.7')).toBe(true);
    expect(await addressesOf(cluster, node, 'nobody.default.nc.internal.')).toEqual([]);
    await cluster.killController();
    expect(await resolves(cluster, node, 'n2.default.nc.internal', other.address)).toBe(true);

    // Killed, it can put nothing back; what the machine had before goes on all the same.
    await node.agent!.stop('SIGKILL');
    expect(await resolves(cluster, node, 'www.example.net', '192.0.2.7')).toBe(true);
    await nodeCommand(cluster, node, ['down']);
    expect(await resolvConf(cluster, node)).toBe(BEFORE);
  }, 2 * LIMIT_MS);

  it('has its resolv.conf back byte for byte when the agent ends, and keeps it with --no-dns', async () => {
    const { cluster, node } = await aMachine();
    cluster.startAgent(node);
    await until(async () => (await resolvConf(cluster, node)) !== BEFORE, 'the agent to set the machine up', LIMIT_MS);
    await node.agent!.stop('SIGINT');
    expect(await resolvConf(cluster, node)).toBe(BEFORE);

    cluster.startAgent(node, ['--no-dns']);
    await until(async () => (await node.status().catch(() => undefined))?.tunnelUp, 'the tunnel', LIMIT_MS);
    expect(await resolvConf(cluster, node)).toBe(BEFORE);
  }, 2 * LIMIT_MS);

  it('has systemd-resolved ask the agent where that runs, for names of the network alone, and tells it when that ends', async () => {
    const { cluster, node, other } = await aMachine();
    const folder = tmpDir();
    const log = join(folder, 'log');
    mkdirSync(join(folder, 'bin'));
    writeFileSync(join(folder, 'bin', 'resolvectl'), RESOLVECTL);
    chmodSync(join(folder, 'bin', 'resolvectl'), 0o755);
    cluster.startAgent(node, [], { PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, RESOLVECTL_LOG: log });
    const told = (): string[] => readFileSync(log, { encoding: 'utf8', flag: 'a+' }).trim().split('\n');
    await until(() => told().length === 4, 'systemd-resolved to be told', LIMIT_MS);

    const { stdout } = await cluster.lab.exec(node.name, ['dig', '+short', '@127.0.0.54', 'n2.default.nc.internal']);
    expect(stdout.trim()).toBe(other.address);
    await node.agent!.stop('SIGINT');

    expect(told()).toEqual(['--no-pager status', 'dns nc0 127.0.0.54', 'domain nc0 ~nc.internal ~0.66.10.in-addr.arpa', 'default-route nc0 false', 'revert nc0']);
    expect(await resolvConf(cluster, node)).toBe(BEFORE);
  }, 2 * LIMIT_MS);
});

/** A network of two, of whose machines one has no agent yet and a name server of before. */
async function aMachine(): Promise<{ cluster: LabCluster; node: LabNode; other: LabNode }> {
  const cluster = await LabCluster.start(['n1', 'n2']);
  const server = cluster.lab.spawn('wan', [process.execPath, '-e', NAME_SERVER], { name: 'name server' });
  await until(() => server.output().includes('ready'), 'the name server');
  const [node, other] = cluster.nodes as [LabNode, LabNode];
  await until(async () => (await node.status().catch(() => undefined))?.peers.length === 1, 'the map to hold the other node', LIMIT_MS);
  await node.agent!.stop('SIGINT');
  await cluster.lab.exec(node.name, ['sh', '-c', 'printf %s "$1" >/etc/resolv.conf', 'sh', BEFORE]);
  return { cluster, node, other };
}

async function resolves(cluster: LabCluster, node: LabNode, name: string, address: string): Promise<boolean> {
  return (await addressesOf(cluster, node, name)).includes(address);
}

/** As any program of the machine finds them. @see getent(1) */
async function addressesOf(cluster: LabCluster, node: LabNode, name: string): Promise<string[]> {
  const { stdout } = await cluster.lab.exec(node.name, ['sh', '-c', 'getent ahostsv4 "$1" || true', 'sh', name]);
  return stdout.match(/^[\d.]+(?=\s+STREAM)/gm) ?? [];
}

async function resolvConf(cluster: LabCluster, node: LabNode): Promise<string> {
  return (await cluster.lab.exec(node.name, ['cat', '/etc/resolv.conf'])).stdout;
}

async function nodeCommand(cluster: LabCluster, node: LabNode, words: readonly string[]): Promise<void> {
  const program = [process.execPath, '--import', 'tsx', 'src/client/main.ts', '--config', join(node.folder, 'client.yml')];
  await cluster.lab.exec(node.name, [...program, ...words], { timeoutMs: 120_000 });
}
