import { expect, it } from 'vitest';
import { GetStatusResponse, Replica } from '../../src/gen/networkcontroller/v1/admin.js';
import { ncadm, NOW, startController } from './support.js';

const ONE = Replica.fromPartial({ id: 'aa', name: 'one', state: 'running', dataCentre: 'dc1', agents: 7, cpuPercent: 3, appliedRevision: 41n, leads: ['upkeep'], control: ['192.0.2.1:6440'], dns: ['192.0.2.1:53'], startedAtMs: NOW - 3_600_000, isSelf: true });
const TWO = Replica.fromPartial({ id: 'bb', name: 'two', state: 'draining', appliedRevision: 38n, lagRevisions: 3n, control: ['192.0.2.2:6440'], startedAtMs: NOW - 60_000 });
const CLUSTER = { cluster: { id: 'c-1', epoch: '1', revision: 42n }, state: 'running' };

it('shows people a line for each server: state, load, how far behind, and what it leads', async () => {
  const socket = await startController({ getStatus: () => GetStatusResponse.create({ ...CLUSTER, replicas: [ONE, TWO] }) });

  const { stdout } = await ncadm(['--socket', socket, 'replica', 'list']);

  expect(stdout).toBe(`SERVER  STATE     DATA CENTRE  AGENTS  CPU  REVISION  LAG  LEADS   CONTROL         STARTED
one     running   dc1          7       3 %  41        0    upkeep  192.0.2.1:6440  1h ago
two     draining  -            0       0 %  38        3    -       192.0.2.2:6440  1m ago
`);
});

it('gives programs all of it', async () => {
  const socket = await startController({ getStatus: () => GetStatusResponse.create({ ...CLUSTER, replicas: [ONE] }) });

  const { stdout } = await ncadm(['--socket', socket, 'status', '-o', 'json']);

  expect((JSON.parse(stdout) as { replicas: unknown }).replicas).toEqual([
    {
      ...{ id: 'aa', name: 'one', state: 'running', dataCentre: 'dc1', version: '', startedAt: new Date(NOW - 3_600_000).toISOString() },
      ...{ revision: '41', lag: '0', agents: 7, cpuPercent: 3, leads: ['upkeep'], answers: true },
      endpoints: { control: ['192.0.2.1:6440'], bootstrap: [], wireguard: [], https: [], dns: ['192.0.2.1:53'] },
    },
  ]);
});

it('says nothing of servers at a glance where there is only one', async () => {
  const socket = await startController({ getStatus: () => GetStatusResponse.create({ ...CLUSTER, replicas: [ONE] }) });

  expect((await ncadm(['--socket', socket, 'status'])).stdout).not.toContain('SERVER');
});
