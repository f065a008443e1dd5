import { randomInt } from 'node:crypto';
import { expect, it } from 'vitest';
import { AdminServiceClient, CreateTokenRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { startServerProcess, type ServerProcess } from '../support/server-process.js';
import { joinMachine, machineKeys, type MachineKeys, type Member } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';

const JOINS = 200;
const KILLS = 4;

/** One machine with its own one-use token, that tries until it is in. */
interface Machine {
  readonly keys: MachineKeys;
  readonly join: string;
  member: Member | undefined;
}

async function withAdmin<T>(server: ServerProcess, task: (admin: AdminServiceClient) => Promise<T>): Promise<T> {
  const admin = connect(AdminServiceClient, { socketPath: server.adminSocket });
  try {
    return await task(admin);
  } finally {
    admin.close();
  }
}

async function joinAll(machines: readonly Machine[], isOver: () => boolean): Promise<void> {
  const queue = machines.filter((machine) => machine.member === undefined);
  const worker = async (): Promise<void> => {
    for (let machine = queue.shift(); machine !== undefined && !isOver(); machine = queue.shift()) {
      machine.member = await joinMachine(machine.join, { keys: machine.keys }).catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

it('keeps every acknowledged join over kill -9 at any moment: no address twice, no token spent without its node', async () => {
  const server = await startServerProcess(tmpDir());
  const machines: Machine[] = [];
  await withAdmin(server, async (admin) => {
    for (let i = 0; i < JOINS; i++) {
      const { join } = await callUnary(admin, 'createToken', CreateTokenRequest.fromPartial({ expireMs: 600_000 }));
      machines.push({ keys: machineKeys(), join, member: undefined });
    }
  });
  const acknowledged = (): Member[] => machines.flatMap(({ member }) => (member === undefined ? [] : [member]));

  for (let round = 0; round < KILLS; round++) {
    const before = acknowledged().length;
    let killed = false;
    const joining = joinAll(machines, () => killed);
    const target = before + 10 + randomInt(20);
    while (acknowledged().length < Math.min(target, JOINS)) await new Promise((resolve) => setTimeout(resolve, randomInt(8)));
    killed = true;
    await server.kill();
    await joining;
    await server.start();
    await withAdmin(server, async (admin) => {
      const { nodes } = await callUnary(admin, 'listNodes', { network: '', pageSize: 1_000, pageToken: '', state: 0 });
      const byId = new Map(nodes.map((node) => [node.id, node]));
      for (const member of acknowledged()) expect(byId.get(member.nodeId)?.bindIp).toBe(member.bindIp);
      expect(new Set(nodes.map((node) => node.bindIp)).size).toBe(nodes.length);
      const { tokens } = await callUnary(admin, 'listTokens', { network: '', all: true, pageSize: 1_000, pageToken: '' });
      const spentBy = new Set(nodes.map((node) => node.tokenId));
      for (const token of tokens) expect(token.used).toBe(spentBy.has(token.id) ? 1 : 0);
    });
  }
  while (acknowledged().length < JOINS) await joinAll(machines, () => false);

  expect(new Set(acknowledged().map(({ nodeId }) => nodeId)).size).toBe(JOINS);
  expect(new Set(acknowledged().map(({ bindIp }) => bindIp)).size).toBe(JOINS);
}, 240_000);
