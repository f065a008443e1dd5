import { describe, expect, it } from 'vitest';
import { NodeRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { ReportRequest } from '../../../src/gen/networkcontroller/v1/node.js';
import { NodeState, PathKind } from '../../../src/gen/networkcontroller/v1/types.js';
import { nodeStatus, stateNumber, stateOf } from '../../../src/server/services/node-status.js';
import { ManualClock } from '../../support/clock.js';
import { Reports } from '../../../src/server/services/reports.js';
import { startServices } from '../../support/services.js';

const { NODE_STATE_CONNECTED: CONNECTED, NODE_STATE_IDLE: IDLE, NODE_STATE_INIT: INIT, NODE_STATE_UNSPECIFIED: ANY } = NodeState;

async function start() {
  const { presence } = await startServices();
  const reports = new Reports(new ManualClock());
  const endpoints = new Map<string, string>();
  const live = { presence, reports, endpointOf: (nodeId: string) => endpoints.get(nodeId) };
  const row = { record: NodeRecord.fromPartial({ id: 'n1', network: 'default', name: 'one', tokenHash: Buffer.from('hash') }), state: 3, lastSeenMs: 5, endpoint: '192.0.2.1:1', version: 'old' };
  return { presence, reports, endpoints, live, row };
}

describe('a node’s status', () => {
  it('is what the store knows when this replica has not seen the node', async () => {
    const { live, row } = await start();

    expect(nodeStatus(row, live)).toMatchObject({ state: CONNECTED, lastSeenMs: 5, endpoint: '192.0.2.1:1', version: 'old', path: PathKind.PATH_KIND_NONE, appliedRevision: 0n });
  });

  it('is what this replica sees, over what was stored', async () => {
    const { presence, reports, endpoints, live, row } = await start();
    presence.streamOpened('n1', 'default', 'new');
    endpoints.set('n1', '192.0.2.9:9');
    reports.take('n1', ReportRequest.fromPartial({ appliedRevision: 8n, paths: [{ nodeId: 'b', path: PathKind.PATH_KIND_RELAY }] }));

    const status = nodeStatus(row, live);

    expect(status).toMatchObject({ state: INIT, version: 'new', endpoint: '192.0.2.9:9', path: PathKind.PATH_KIND_RELAY, appliedRevision: 8n });
    expect(status.lastSeenMs).toBeGreaterThan(5);
  });

  it('of the controller itself is connected, whatever is stored', async () => {
    const { live, row } = await start();

    expect(nodeStatus({ ...row, state: -1, record: { ...row.record, reserved: true } }, live)).toMatchObject({ state: CONNECTED, reserved: true });
  });

  it('has nothing of the node’s token', async () => {
    const { live, row } = await start();

    expect(JSON.stringify({ ...nodeStatus(row, live), appliedRevision: 0 })).not.toMatch(/hash/i);
  });
});

it.each([
  [3, CONNECTED],
  [1, INIT],
  [-1, IDLE],
  [0, IDLE],
  [42, IDLE],
])('LiteKube’s state %i is %i on the wire', (number, word) => {
  expect(stateOf(number)).toBe(word);
});

it.each([
  [CONNECTED, 3],
  [INIT, 1],
  [IDLE, -1],
  [ANY, undefined],
])('the state %i on the wire is LiteKube’s %s', (word, number) => {
  expect(stateNumber(word)).toBe(number);
});
