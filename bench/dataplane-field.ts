import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdminServiceClient, CreateTokenRequest } from '../src/gen/networkcontroller/v1/admin.js';
import { callUnary, connect } from '../src/platform/rpc-client.js';
import { INTERFACE, LabAgent } from '../test/support/lab-agent.js';
import type { LabProcess } from '../test/support/lab-process.js';
import { Lab } from '../test/support/lab.js';
import { until } from '../test/support/until.js';
import { HandWireGuard, type HandSide } from './hand-wireguard.js';

const CONTROLLER = '203.0.113.10';
const FORWARDER_PORT = '7000';
const START_MS = 120_000;

/** Two machines that reach each other in two ways: by their agents, and as configured by hand. */
export interface FieldPair {
  readonly agents: readonly [LabAgent, LabAgent];
  readonly hand: HandWireGuard;
  /** Address of the first in the overlay of {@link hand}. */
  readonly handAddress: string;
}

/** What the data plane is measured on. */
export interface Field {
  readonly lab: Lab;
  /** Reaches each other directly. */
  readonly direct: FieldPair;
  /** Reaches each other through the controller, by hand through a bare forwarder on the same machine. */
  readonly relayed: FieldPair;
  readonly server: LabProcess;
  readonly forwarder: LabProcess;
  stop(): Promise<void>;
}

/** Raises network namespaces of its own, with a controller and two pairs of nodes in them; nothing of it is left after `stop`. */
export async function startField(): Promise<Field> {
  const lab = new Lab();
  const folder = mkdtempSync(join(tmpdir(), 'nc-bench-'));
  const adminSocket = join(folder, 'admin.sock');
  const admin = connect(AdminServiceClient, { socketPath: adminSocket });
  const stop = async (): Promise<void> => {
    admin.close();
    await lab.destroy();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  };
  try {
    await raiseMachines(lab);
    const server = await startServer(lab, folder, adminSocket);
    const forwarder = await startProgram(lab, ['bench/udp-forwarder.ts', CONTROLLER, FORWARDER_PORT], 'forwarding');
    const joinString = async (): Promise<string> => (await callUnary(admin, 'createToken', CreateTokenRequest.fromPartial({}))).join;
    const pair = (kind: string, sides: readonly [HandSide, HandSide]): Promise<FieldPair> => startPair(lab, folder, joinString, kind, sides);
    const direct = await pair('direct', [side('n1', '10.99.0.1', '203.0.113.11'), side('n2', '10.99.0.2', '203.0.113.12')]);
    const over = `${CONTROLLER}:${FORWARDER_PORT}`;
    const relayed = await pair('relay', [side('s1', '10.99.1.1', over), side('s2', '10.99.1.2', over)]);
    return { lab, direct, relayed, server, forwarder, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function side(machine: string, overlay: string, reachedAt: string): HandSide {
  return { machine, overlay, reachedAt };
}

/** n1 and n2 are public, s1 and s2 behind symmetric NATs. */
async function raiseMachines(lab: Lab): Promise<void> {
  await lab.wan();
  await lab.host('ctl', CONTROLLER);
  await lab.host('n1', '203.0.113.11');
  await lab.host('n2', '203.0.113.12');
  for (const n of [1, 2]) {
    await lab.router(`r${n}`, `203.0.113.2${n}`, [`192.168.${n}`], 'sym');
    await lab.behind(`s${n}`, `r${n}`, `192.168.${n}.2`);
  }
}

function startServer(lab: Lab, folder: string, adminSocket: string): Promise<LabProcess> {
  const config = join(folder, 'server.yml');
  const server = { ip: CONTROLLER, workDir: join(folder, 'work'), adminSocket, metrics: { listen: '' } };
  writeFileSync(config, JSON.stringify({ server }));
  return startProgram(lab, ['src/server/main.ts', '--config', config], '"serving"');
}

async function startProgram(lab: Lab, words: readonly string[], ready: string): Promise<LabProcess> {
  const program = lab.spawn('ctl', [process.execPath, '--import', 'tsx', ...words], { name: words[0]! });
  await until(() => {
    if (!program.isRunning) throw new Error(`${program.name} ended: ${program.output()}`);
    return program.output().includes(ready);
  }, program.name, START_MS);
  return program;
}

/** Lets both join, and waits until they reach each other as they shall. */
async function startPair(lab: Lab, folder: string, joinString: () => Promise<string>, kind: string, sides: readonly [HandSide, HandSide]): Promise<FieldPair> {
  const join1 = async ({ machine }: HandSide): Promise<LabAgent> => LabAgent.join(lab, machine, join(folder, machine), await joinString());
  const agents = [await join1(sides[0]), await join1(sides[1])] as const;
  await Promise.all(agents.map((agent) => agent.up()));
  for (const [from, to] of [agents, [agents[1], agents[0]]] as const) {
    await until(async () => (await from.path(to).catch(() => undefined))?.kind === kind, `${from.machine} to reach ${to.machine}: ${kind}`, START_MS);
  }
  const shown = JSON.parse(await lab.ip(sides[0].machine, `-j link show ${INTERFACE}`)) as readonly { readonly mtu: number }[];
  const hand = await HandWireGuard.start(lab, join(folder, 'hand'), shown[0]!.mtu, sides);
  const handAddress = sides[0].overlay;
  await until(async () => (await lab.ping(sides[1].machine, handAddress)).received > 0, 'the one configured by hand', START_MS);
  return { agents, hand, handAddress };
}
