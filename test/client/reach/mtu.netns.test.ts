import { expect, it } from 'vitest';
import { LabController } from '../../support/lab-controller.js';
import { aLab, describeLab } from '../../support/lab-vitest.js';
import { until } from '../../support/until.js';

const BYTES = 2_000_000;

async function twoNodes(settings: Record<string, unknown> = {}) {
  const lab = aLab();
  await lab.wan();
  const controller = await LabController.start(lab, settings);
  await lab.router('narrow', '203.0.113.30', ['192.168.1'], 'none');
  await lab.behind('n1', 'narrow', '192.168.1.2');
  await lab.host('n2', '203.0.113.12');
  const [n1, n2] = [await controller.join('n1'), await controller.join('n2')];
  await Promise.all([n1.up(), n2.up()]);
  await until(async () => (await lab.ping('n1', n2.bindIp)).received === 1, 'the nodes to reach each other', 60_000);
  const mtuOf = async (machine: string): Promise<string> => /mtu (\d+)/.exec(await lab.ip(machine, 'link show nc0'))?.[1] ?? '';
  return { lab, controller, n1, n2, mtuOf };
}

describeLab('the packets of a network', () => {
  it('get through a path of 1400 bytes that tells nobody, as TCP does at the size that a network has by itself', async () => {
    const { lab, n2, mtuOf } = await twoNodes();
    // What is larger is dropped on the way in both directions, and no ICMP tells of it.
    await lab.nft('narrow', 'table inet small {\nchain passing {\ntype filter hook forward priority 0\nip length > 1400 drop\n}\n}');
    expect((await lab.ping('n1', '203.0.113.12', { payloadBytes: 1373 })).received).toBe(0);
    expect((await lab.ping('n1', '203.0.113.12', { payloadBytes: 1372 })).received).toBe(1);
    const server = lab.spawn('n2', [process.execPath, '-e', `require('net').createServer((s) => s.end(Buffer.alloc(${BYTES}))).listen(8080, () => console.log('ready'))`]);
    await until(() => server.output().includes('ready'), 'the server');

    const script = `let n = 0; require('net').connect(8080, '${n2.bindIp}').on('data', (d) => (n += d.length)).on('close', () => console.log(n))`;
    const { stdout } = await lab.exec('n1', [process.execPath, '-e', script], { timeoutMs: 60_000 });

    expect([Number(stdout), await mtuOf('n1'), await mtuOf('n2')]).toEqual([BYTES, '1280', '1280']);
  }, 300_000);

  it('become larger on running nodes when server.yml says so', async () => {
    const { lab, controller, n2, mtuOf } = await twoNodes();
    expect(await mtuOf('n1')).toBe('1280');

    await controller.killServer();
    await controller.startServer({ mtu: 1380 });

    await until(async () => (await mtuOf('n1')) === '1380' && (await mtuOf('n2')) === '1380', 'both interfaces to change', 120_000);
    await until(async () => (await lab.ping('n1', n2.bindIp, { payloadBytes: 1352 })).received === 1, 'a packet of 1380 bytes', 60_000);
  }, 300_000);
});
