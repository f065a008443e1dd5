import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changeNode } from '../../../bench/simulate/changes.js';
import { Fleet } from '../../../bench/simulate/fleet.js';
import { Fleets } from '../../../bench/simulate/fleets.js';
import { writeMembers, type Members } from '../../../bench/simulate/member.js';
import { prepareMembers } from '../../../bench/simulate/prepare.js';
import { StalledWatch } from '../../../bench/simulate/stalled-watch.js';
import { ListNodesRequest } from '../../../src/gen/networkcontroller/v1/admin.js';
import { parseServerConfig } from '../../../src/platform/config/server-config.js';
import { callUnary } from '../../../src/platform/rpc-client.js';
import { openController, type Controller } from '../../support/controller.js';
import { until } from '../../support/until.js';

const AGENTS = 1_000;
/** Those who only stall, or whose agents never come, too. */
const NODES = AGENTS + 2;
/** They all come from one address. */
const SETTINGS = { networkAddr: '10.0.0.0/8', limits: { connectionsPerSource: 100_000, handshakesPerSecond: 100_000 } };
/** Ends a hang; the slowest machine is far from it. */
const HANG_MS = 900_000;

let folder: string;
let members: Members;
let controller: Controller;
let fleet: Fleets | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nc-test-'));
  const settings = { ...SETTINGS, workDir: join(folder, 'server') };
  members = await prepareMembers({ config: parseServerConfig(JSON.stringify({ server: settings }), 'test.yml'), nodes: NODES });
  controller = await openController(SETTINGS, { workDir: settings.workDir });
}, HANG_MS);

afterAll(async () => {
  await fleet?.stop();
  await controller?.stop();
  rmSync(folder, { recursive: true, force: true });
}, HANG_MS);

const endpoint = (): string => `127.0.0.1:${controller.server.ports.control}`;
/** The ids of some nodes, from the end. */
const nodeIds = (count: number): string[] => members.members.slice(-count).map(({ facts }) => facts.nodeId);

/** Names by node id, as the controller has them. */
async function namesOf(ids: readonly string[]): Promise<Record<string, string>> {
  const wanted = new Set(ids);
  const names: Record<string, string> = {};
  let pageToken = '';
  do {
    const page = await callUnary(controller.admin, 'listNodes', ListNodesRequest.fromPartial({ pageSize: 500, pageToken }));
    for (const { id, name } of page.nodes) if (wanted.has(id)) names[id] = name;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return names;
}

/** Changes each node so many times, one after another, all nodes at the same time. @returns the last revision. */
async function change(ids: readonly string[], times: number): Promise<bigint> {
  const changeOne = async (id: string): Promise<bigint> => {
    let last = 0n;
    for (let time = 0; time < times; time++) last = (await changeNode(controller.admin, id)).revision;
    return last;
  };
  const revisions = await Promise.all(ids.map(changeOne));
  return revisions.reduce((last, revision) => (revision > last ? revision : last), 0n);
}

/** Waits until the map of each agent is complete up to `revision`. */
async function caughtUp(agents: Fleets, revision: bigint): Promise<void> {
  await until(async () => (await agents.status()).revision >= revision, `all agents to have revision ${revision}`, HANG_MS);
}

describe('a watcher that does not read', () => {
  it('is not waited for, and starts over with the whole map when it reads again', async () => {
    const [slow, quick] = members.members.slice(-2);
    const stalled = new StalledWatch(endpoint(), slow!, members.position);
    stalled.start();
    const others = new Fleet({ members: { ...members, members: [quick!] }, endpoint: endpoint() });
    await others.start();

    // More than its connection takes and than may wait for it.
    const revision = await change(nodeIds(10), 130);
    await until(() => others.agents[0]!.revision >= revision, 'the one that reads', HANG_MS);
    expect(others.status()).toMatchObject({ resets: 0, snapshots: 0, outOfOrder: 0 });
    expect(others.status().deltas).toBeGreaterThanOrEqual(1_300);
    expect(others.holding(await namesOf(nodeIds(10)))).toBe(1);

    const seen: string[] = [];
    const peers = new Map<string, string>();
    for await (const message of stalled.read()) {
      seen.push(message.$case === 'reset' ? `reset: ${message.value.reason}` : message.$case);
      if (message.$case === 'snapshot') for (const peer of message.value.peers) peers.set(peer.nodeId, peer.name);
      if (message.$case === 'snapshot' && message.value.last) break;
    }
    expect(seen).toContain('reset: slow');
    expect(seen.filter((what) => what === 'delta').length).toBeLessThan(1_000);
    expect(peers.size).toBe(NODES - 1);
    expect(Object.fromEntries(peers)).toMatchObject(await namesOf(nodeIds(10).filter((id) => id !== slow!.facts.nodeId)));
    stalled.stop();
    await others.stop();
  }, HANG_MS);
});

describe('a thousand agents', () => {
  let agents: Fleets;

  beforeAll(async () => {
    const position = { ...members.position, revision: await change(nodeIds(1), 1) };
    const path = join(folder, 'members');
    writeMembers(path, { position, members: members.members });
    agents = fleet = await Fleets.make({ path, agents: AGENTS, endpoint: endpoint() });
    await agents.start({ perSecond: 250 });
  }, HANG_MS);

  it('are all let in, and resume where they were', async () => {
    expect(await agents.status()).toMatchObject({ agents: AGENTS, connected: AGENTS, ended: 0, snapshots: 0, resets: 0 });
  });

  it('are told of every change, in order, each once', async () => {
    const before = (await agents.status()).deltas;
    const ids = nodeIds(5);

    await caughtUp(agents, await change(ids, 3));

    expect(await agents.status()).toMatchObject({ outOfOrder: 0, resets: 0, snapshots: 0 });
    expect((await agents.status()).deltas).toBeGreaterThanOrEqual(before + 15 * AGENTS);
    expect(await agents.holding(await namesOf(ids))).toBe(AGENTS);
  }, HANG_MS);

  it('lose no change that is made while all of them come back', async () => {
    const ids = nodeIds(7);

    const [, revision] = await Promise.all([agents.storm(), change(ids, 6)]);
    await caughtUp(agents, revision);

    expect(await agents.status()).toMatchObject({ agents: AGENTS, connected: AGENTS, ended: 0, outOfOrder: 0, snapshots: 0, resets: 0 });
    expect(await agents.holding(await namesOf(ids))).toBe(AGENTS);
  }, HANG_MS);

  it('all come back after the controller was started anew, without being sent the map again', async () => {
    const port = controller.server.ports.control;
    const { workDir } = controller;
    await agents.mark();

    await controller.stop();
    controller = await openController({ ...SETTINGS, grpcPort: port }, { workDir });
    const ids = nodeIds(3);
    const [, revision] = await Promise.all([agents.back(), change(ids, 3)]);
    await caughtUp(agents, revision);

    expect(await agents.status()).toMatchObject({ agents: AGENTS, connected: AGENTS, ended: 0, outOfOrder: 0, snapshots: 0, resets: 0 });
    expect(await agents.holding(await namesOf(ids))).toBe(AGENTS);
  }, HANG_MS);
});
