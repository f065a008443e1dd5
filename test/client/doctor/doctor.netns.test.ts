import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Finding } from '../../../src/client/doctor/finding.js';
import { ExplainRequest } from '../../../src/gen/networkcontroller/v1/admin.js';
import { callUnary } from '../../../src/platform/rpc-client.js';
import { LabCluster, type LabNode } from '../../support/lab-cluster.js';
import { describeLab } from '../../support/lab-vitest.js';
import { until } from '../../support/until.js';

/** Only ends a test that hangs. */
const LIMIT_MS = 600_000;

describeLab('two machines with real packets', () => {
  it('are explained to be reachable, and the doctor names each fault that befalls one of them', async () => {
    const cluster = await LabCluster.start(['n1', 'n2']);
    const [n1, n2] = cluster.nodes as [LabNode, LabNode];
    await cluster.untilDirect();

    const explained = await callUnary(cluster.admin, 'explain', ExplainRequest.fromPartial({ from: 'n1', to: 'n2' }));
    expect(explained).toMatchObject({ verdict: 'reachable', says: 'n1 reaches n2 directly', from: { nat: 'open' } });
    expect(explained.from!.rttUs).toBeGreaterThan(0);

    expect(faultsIn(await doctorOn(cluster, n1))).toEqual([]);

    await cluster.lab.nft('n1', 'table inet broken {\n chain out {\n type filter hook output priority 0;\n ip daddr 203.0.113.10 udp dport { 6441, 6442 } drop\n }\n}');
    expect(await doctorOn(cluster, n1)).toContainEqual(expect.objectContaining({ check: 'udp', says: expect.stringContaining('203.0.113.10:6441 does not answer UDP') }));
    await cluster.lab.nft('n1', 'delete table inet broken');

    await cluster.lab.nft('n1', 'table inet broken {\n chain out {\n type filter hook output priority 0;\n ip daddr 203.0.113.10 tcp dport 6440 drop\n }\n}');
    expect(await doctorOn(cluster, n1)).toContainEqual(expect.objectContaining({ check: 'controller', result: 'fail', says: expect.stringContaining('203.0.113.10:6440 (control) cannot be reached by TCP') }));
    await cluster.lab.nft('n1', 'delete table inet broken');

    await cluster.lab.ip('n1', 'route add 10.66.0.128/25 dev eth0');
    expect(await doctorOn(cluster, n1)).toContainEqual(expect.objectContaining({ check: 'overlap', result: 'fail', says: expect.stringContaining('10.66.0.128/25 on eth0') }));
    await cluster.lab.ip('n1', 'route del 10.66.0.128/25');

    await n2.agent!.stop('SIGKILL');
    expect(await doctorOn(cluster, n2)).toContainEqual(expect.objectContaining({ check: 'agent', result: 'fail', says: 'the agent is not running' }));
    await until(async () => (await callUnary(cluster.admin, 'explain', ExplainRequest.fromPartial({ from: 'n1', to: 'n2' }))).says.startsWith('n2 is not connected'), 'the controller to notice');
  }, LIMIT_MS);
});

/** What `nc-client doctor` finds on a machine. */
async function doctorOn(cluster: LabCluster, node: LabNode): Promise<Finding[]> {
  const argv = [process.execPath, '--import', 'tsx', 'src/client/main.ts', '--config', join(node.folder, 'client.yml'), '-o', 'json', 'doctor'];
  // It ends with 1 where something is wrong, and has printed all the same.
  const { stdout } = await cluster.lab.exec(node.name, argv, { timeoutMs: 120_000 }).catch((error: { stdout: string; stderr: string }) => error);
  return (JSON.parse(stdout) as { findings: Finding[] }).findings;
}

function faultsIn(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ result }) => result === 'fail');
}
