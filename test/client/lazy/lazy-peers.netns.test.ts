import { expect, it } from 'vitest';
import { INTERFACE, type LabAgent } from '../../support/lab-agent.js';
import { LabController } from '../../support/lab-controller.js';
import { aLab, describeLab } from '../../support/lab-vitest.js';
import type { Lab } from '../../support/lab.js';
import { until } from '../../support/until.js';

/** Several agents and a controller start on one busy machine. */
const LIMIT_MS = 300_000;

describeLab('nodes of which each may have one other configured', () => {
  it('reach each other by being spoken to, and let go when nothing is said', { timeout: LIMIT_MS }, async () => {
    const { lab, nodes: [n1, n2, n3] } = await threeNodes();
    await until(async () => (await n1.status()).peers.length === 2, 'n1 to know both others', 60_000);
    await quiet(lab, [n1, n2, n3]);

    await lab.ping('n1', '10.66.0.99', { count: 3 });
    expect(await configured(lab, n1)).toEqual([]);

    const begunMs = Date.now();
    await until(async () => (await lab.ping('n1', n3.bindIp)).received > 0, 'n3 to answer n1', 60_000);
    console.log(`first answer of a sleeping peer: ${Date.now() - begunMs} ms after the first packet`);
    expect(await configured(lab, n1)).toEqual([n3.bindIp]);
    expect(await configured(lab, n3)).toEqual([n1.bindIp]);
    expect(await configured(lab, n2)).toEqual([]);

    // The one that is spoken to now takes the place of the other, at both ends.
    await until(async () => (await lab.ping('n1', n2.bindIp)).received > 0, 'n2 to answer n1', 60_000);
    await until(async () => (await configured(lab, n3)).length === 0, 'n3 to let n1 go', 60_000);
    expect(await configured(lab, n1)).toEqual([n2.bindIp]);

    await quiet(lab, [n1, n2, n3]);
    await until(async () => (await lab.ping('n2', n1.bindIp)).received > 0, 'n1 to answer n2', 60_000);
  });

  it('are found again by whom they spoke with before their agent was killed', { timeout: LIMIT_MS }, async () => {
    const { lab, nodes: [n1, n2, n3] } = await threeNodes('1h');
    await until(async () => (await n1.status()).peers.length === 2, 'n1 to know both others', 60_000);
    // Who was there before the third node came is configured still.
    await until(async () => (await lab.ping('n1', n2.bindIp)).received > 0 || (await lab.ping('n1', n3.bindIp)).received > 0, 'somebody to answer n1', 60_000);
    const before = await until(async () => {
      const now = await configured(lab, n1);
      return now.length === 1 && now;
    });
    await until(() => n1.rememberedAwake.length === 1, 'n1 to write down who is in use', 60_000);

    await n1.kill();
    await n1.up();

    expect(await configured(lab, n1)).toEqual(before);
    expect((await lab.ping('n1', before[0]!, { count: 5 })).received).toBeGreaterThan(0);
  });
});

async function threeNodes(idle = '5s'): Promise<{ lab: Lab; nodes: readonly [LabAgent, LabAgent, LabAgent] }> {
  const lab = aLab();
  await lab.wan();
  const controller = await LabController.start(lab);
  const nodes: LabAgent[] = [];
  for (const n of [1, 2, 3]) {
    await lab.host(`n${n}`, `203.0.113.${10 + n}`);
    nodes.push(await controller.join(`n${n}`, { lazyPeersAbove: 1, lazyPeersIdle: idle, debug: true }));
  }
  await Promise.all(nodes.map((node) => node.up()));
  return { lab, nodes: nodes as [LabAgent, LabAgent, LabAgent] };
}

/** The overlay addresses of the nodes that are peers of the interface. */
async function configured(lab: Lab, { machine }: LabAgent): Promise<string[]> {
  const { stdout } = await lab.exec(machine, ['wg', 'show', INTERFACE, 'allowed-ips']);
  return [...stdout.matchAll(/\s(10\.66\.0\.\d+)\/32/g)].map(([, address]) => address!).filter((address) => address !== '10.66.0.1');
}

async function quiet(lab: Lab, nodes: readonly LabAgent[]): Promise<void> {
  await until(async () => (await Promise.all(nodes.map((node) => configured(lab, node)))).flat().length === 0, 'everybody to have let go', 90_000);
}
