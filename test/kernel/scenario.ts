import { readFileSync } from 'node:fs';
import { Cluster } from '../../demo/cluster.js';
import { LabStage } from '../../demo/lab-stage.js';
import { succeed, type Machine } from '../../demo/machine.js';
import { Teller } from '../../demo/teller.js';
import { capabilities } from '../support/lab-capabilities.js';
import { until } from '../support/until.js';

/** Emulated, a node's programs take ten to thirty times as long as on the machine itself. */
const PATIENCE_MS = 180_000;
/** Renewal comes at two thirds of it. */
const CERTIFICATES = { grpc: '90s', network: '90s' };

const teller = new Teller();
try {
  await play();
  teller.say('\nkernel WireGuard: ok');
} catch (error) {
  process.exitCode = 1;
  teller.say(`\nkernel WireGuard: failed: ${error instanceof Error ? error.message : String(error)}`);
}

/** Join, ping, renew and heal, on the kernel's WireGuard. @throws BrokenPromise */
async function play(): Promise<void> {
  await teller.promise("namespaces here have the kernel's WireGuard", kernelHasWireGuard);
  const stage = await LabStage.raise({ settings: { certificates: CERTIFICATES }, patienceMs: PATIENCE_MS });
  const cluster = new Cluster(stage);
  const [a, b] = stage.nodes as readonly Machine[] as readonly [Machine, Machine];
  try {
    await teller.promise('the controller starts', async () => `pid ${(await cluster.startController()).pid}`);
    for (const node of [a, b]) await teller.promise(`${node.name} joins`, () => join(cluster, node));
    await teller.promise('they reach each other', () => reachEachOther(stage, cluster, [a, b]));
    await teller.promise('both renew their certificates and no ping is lost', () => renew(stage, cluster, [a, b]));
    await teller.promise('a deleted interface is made again', () => heal(stage, cluster, a, b));
    teller.quote(await succeed(a, ['wg', 'show', 'nc0', 'latest-handshakes']));
    teller.quote(await cluster.client(a, ['status']));
    await teller.promise('down takes the interface away', () => down(cluster, a));
  } catch (error) {
    teller.say(stage.logs());
    throw error;
  } finally {
    await stage.strike();
  }
}

async function kernelHasWireGuard(): Promise<string> {
  if (!capabilities().kernelWireGuard) throw new Error(capabilities().missing || 'there is only wireguard-go');
  return readFileSync('/proc/version', 'utf8').split(' ').slice(0, 3).join(' ');
}

async function join(cluster: Cluster, node: Machine): Promise<string> {
  await cluster.join(node, await cluster.ncadm('token', 'create', '--expire', '10m'));
  const link = await succeed(node, ['ip', '-d', 'link', 'show', 'nc0']);
  if (!/^ +wireguard /m.test(link)) throw new Error(`nc0 is no WireGuard interface of the kernel's: ${link}`);
  const { interface: device } = await cluster.clientStatus(node);
  return device.device;
}

async function reachEachOther(stage: LabStage, cluster: Cluster, nodes: readonly Machine[]): Promise<void> {
  for (const from of nodes) {
    for (const { bindIp, name } of (await cluster.clientStatus(from)).peers) {
      await until(() => stage.reaches(from, bindIp), `${from.name} to reach ${name}`, PATIENCE_MS);
    }
  }
}

async function renew(stage: LabStage, cluster: Cluster, [a, b]: readonly [Machine, Machine]): Promise<string> {
  const pings = stage.pinging(a, await addressOf(cluster, b));
  for (const node of [a, b]) {
    const before = (await cluster.clientStatus(node)).certificateExpiresAt;
    await until(async () => (await cluster.clientStatus(node)).certificateExpiresAt !== before, `${node.name} to renew`, PATIENCE_MS);
  }
  const { sent, received } = await pings.stop();
  if (received < sent) throw new Error(`${sent - received} of ${sent} pings were lost`);
  return `${sent} pings`;
}

async function heal(stage: LabStage, cluster: Cluster, a: Machine, b: Machine): Promise<void> {
  await succeed(a, ['ip', 'link', 'del', 'nc0']);
  const address = await addressOf(cluster, b);
  await until(() => stage.reaches(a, address), `${a.name} to reach ${b.name} again`, PATIENCE_MS);
}

async function down(cluster: Cluster, node: Machine): Promise<void> {
  await cluster.client(node, ['down']);
  const { exitCode } = await node.run(['ip', 'link', 'show', 'nc0']);
  if (exitCode === 0) throw new Error('nc0 is still there');
}

async function addressOf(cluster: Cluster, node: Machine): Promise<string> {
  const { nodes } = await cluster.status();
  const found = nodes.find(({ name }) => name === node.name);
  if (found === undefined) throw new Error(`the controller has no ${node.name}`);
  return found.bindIp;
}
