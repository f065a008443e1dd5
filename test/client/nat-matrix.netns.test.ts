import { expect, it, onTestFinished } from 'vitest';
import { LabController } from '../support/lab-controller.js';
import type { NatKind } from '../support/lab-nat.js';
import { INTERFACE, type LabAgent } from '../support/lab-agent.js';
import { aLab, describeLab } from '../support/lab-vitest.js';
import type { Lab } from '../support/lab.js';
import { TimedPings } from '../support/timed-pings.js';
import { until } from '../support/until.js';

/** What stands between a machine and the world; the cone is a port-restricted one. */
const SURROUNDINGS = { open: 'none', 'full cone': 'fullcone', cone: 'cone', symmetric: 'sym' } as const satisfies Record<string, NatKind>;
type Surroundings = keyof typeof SURROUNDINGS;
const KINDS = Object.keys(SURROUNDINGS) as Surroundings[];

/** Answers that are waited for after a pair has found its path. */
const ANSWERS_AFTERWARDS = 100;

/** A joined machine and the public address of the router that it is behind. */
interface Place {
  readonly kind: Surroundings;
  readonly node: LabAgent;
  readonly router: string;
  readonly address: string;
  /** The address that the controller sees. */
  readonly seenAt: string;
}

/** A line of the matrix. */
interface Line {
  readonly pair: string;
  readonly firstPingMs: number;
  readonly directAfterMs: number | undefined;
  readonly lost: number;
  readonly paths: readonly string[];
  /** Packets between the two routers of a pair that cannot be direct: some, when it begins before both know what they are behind. */
  readonly tried: number;
}

describeLab('machines in any surroundings', () => {
  it('reach each other, directly wherever that can be, and lose nothing when they change to it', { timeout: 600_000 }, async () => {
    const lab = aLab();
    await lab.wan();
    const controller = await LabController.start(lab);
    const [left, right] = [await places(lab, controller, 'a', 20), await places(lab, controller, 'b', 30)];

    const lines: Line[] = [];
    onTestFinished(() => console.log(matrix(lines)));
    for (const a of left) for (const b of right) lines.push(await meet(lab, a, b));

    for (const { pair, lost, paths, directAfterMs } of lines) {
      const isHopeless = /^symmetric × (symmetric|cone)$|^cone × symmetric$/.test(pair);
      expect({ pair, paths }).toEqual({ pair, paths: isHopeless ? ['relay', 'relay'] : ['direct', 'direct'] });
      expect({ pair, isDirect: directAfterMs !== undefined }).toEqual({ pair, isDirect: !isHopeless });
      if (!isHopeless) expect(lost, `pings lost between ${pair}`).toBeLessThanOrEqual(2);
    }
  });
});

/** A joined machine in each of the surroundings. */
async function places(lab: Lab, controller: LabController, side: string, from: number): Promise<Place[]> {
  const found: Place[] = [];
  for (const [index, kind] of KINDS.entries()) {
    const router = `r${side}${index}`;
    const address = `203.0.113.${from + index}`;
    const subnet = `192.168.${from + index}`;
    await lab.router(router, address, [subnet], SURROUNDINGS[kind]);
    await lab.behind(`${side}${index}`, router, `${subnet}.2`);
    found.push({ kind, node: await controller.join(`${side}${index}`), router, address, seenAt: kind === 'open' ? `${subnet}.2` : address });
  }
  return found;
}

/** Starts both agents at the same moment, while pings are already waiting for the interface, and watches what becomes of it. */
async function meet(lab: Lab, a: Place, b: Place): Promise<Line> {
  const isHopeless = [a, b].some(({ kind }) => kind === 'symmetric') && [a, b].every(({ kind }) => kind === 'symmetric' || kind === 'cone');
  const wire = isHopeless ? await lab.capture(a.router, 'wan0', `udp and host ${b.address}`) : undefined;
  const startedMs = Date.now();
  const stream = TimedPings.start(lab, a.node.machine, INTERFACE, b.node.bindIp);
  a.node.start();
  b.node.start();
  await Promise.all([a.node.ready(), b.node.ready()]);
  for (const { node, seenAt } of [a, b]) await until(async () => (await node.status()).reflexiveEndpoint.startsWith(`${seenAt}:`), `${node.machine} to learn that it is seen at ${seenAt}`);
  const want = isHopeless ? 'relay' : 'direct';
  await until(async () => (await a.node.path(b.node)).kind === want && (await b.node.path(a.node)).kind === want, `${a.kind} × ${b.kind} to be ${want}`, 40_000);
  const enough = stream.received + ANSWERS_AFTERWARDS;
  await until(() => stream.received >= enough, 'more answers');
  const upMs = Math.max(...[a, b].map(({ node }) => node.logged('the tunnel is up').at(-1)?.atMs ?? 0));
  const directMs = [a, b].map(({ node }) => node.logged('path changed').find(({ atMs, fields }) => atMs >= startedMs && fields['path'] === 'direct')?.atMs ?? NaN);
  const line = {
    pair: `${a.kind} × ${b.kind}`,
    firstPingMs: Math.max(0, Math.round((stream.firstAnswerMs() ?? NaN) - upMs)),
    directAfterMs: directMs.some(Number.isNaN) ? undefined : Math.max(0, Math.max(...directMs) - upMs),
    lost: stream.lost(),
    paths: [(await a.node.path(b.node)).kind, (await b.node.path(a.node)).kind],
    tried: wire?.frames().length ?? 0,
  };
  await stream.stop();
  await wire?.stop();
  await Promise.all([a.node.stop(), b.node.stop()]);
  return line;
}

function matrix(lines: readonly Line[]): string {
  const rows = lines.map(({ pair, firstPingMs, directAfterMs, lost, paths, tried }) => [pair, String(firstPingMs), String(directAfterMs ?? '–'), String(lost), String(tried), paths.join(' / ')]);
  const table = [['pair', 'first ping ms', 'direct after ms', 'lost', 'tried in vain', 'path'], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const body = table.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd()).join('\n');
  return `NAT matrix: both agents started at once, ${ANSWERS_AFTERWARDS} more pings after the path was found; ms after both tunnels were up\n${body}`;
}
