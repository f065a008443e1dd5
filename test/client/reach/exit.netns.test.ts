import { expect, it } from 'vitest';
import type { LabAgent } from '../../support/lab-agent.js';
import { LabController } from '../../support/lab-controller.js';
import { traceOf } from '../../support/lab-trace.js';
import { aLab, describeLab } from '../../support/lab-vitest.js';
import { until } from '../../support/until.js';

const WEB = '198.51.100.2';
const EXIT = '203.0.113.13';
const HOME = '203.0.113.21';
const EVERYWHERE = '0.0.0.0/0';

/** A node at home that is to leave through an exit elsewhere, and a server far away that says whom it sees. */
async function aTraveller() {
  const lab = aLab();
  await lab.wan();
  const controller = await LabController.start(lab);
  await lab.router('isp', '203.0.113.30', ['198.51.100'], 'none');
  await lab.behind('web', 'isp', WEB);
  await lab.router('home', HOME, ['192.168.1'], 'cone');
  await lab.behind('n1', 'home', '192.168.1.2', { resolvConf: 'nameserver 203.0.113.53\n' });
  await lab.host('ex', EXIT);
  const server = lab.spawn('web', [process.execPath, '-e', "require('net').createServer((s) => s.on('error', () => {}).end(s.remoteAddress)).listen(80, '0.0.0.0', () => console.log('ready'))"]);
  await until(() => server.output().includes('ready'), 'the server');
  const [ex, n1] = [await controller.join('ex', { exitNode: true }), await controller.join('n1', { redirectGateway: 'ex' })];
  /** Whom the server sees, or empty when nobody gets through. */
  const seenAs = async (): Promise<string> => {
    const script = `const s = require('net').connect(80, '${WEB}'); s.setTimeout(1500, () => s.destroy()); s.on('error', () => {}); s.pipe(process.stdout)`;
    return (await lab.exec('n1', [process.execPath, '-e', script])).stdout;
  };
  return { lab, controller, ex, n1, seenAs };
}

async function says(agent: LabAgent, text: string): Promise<boolean> {
  return (await agent.status()).health.some((line) => line.includes(text));
}

describeLab('an exit', () => {
  it('carries what has no other way once it is approved, and nothing leaves beside it', async () => {
    const { lab, controller, ex, n1, seenAs } = await aTraveller();
    const before = { n1: await traceOf(lab, 'n1'), ex: await traceOf(lab, 'ex') };
    expect(await seenAs()).toBe(HOME);

    await Promise.all([ex.up(), n1.up()]);
    await until(() => says(n1, 'exit ex'), 'the status to say that there is no exit', 60_000);
    expect(await seenAs()).toBe('');
    await controller.approve('ex', EVERYWHERE);
    await until(async () => (await seenAs()) === EXIT, 'the exit to carry', 60_000);

    const way = (address: string) => lab.ip('n1', `route get ${address}`);
    expect(await way(WEB)).toContain('dev nc0');
    // The controller, the name server and the local network as before; the tunnel's own packets by their mark.
    for (const address of ['203.0.113.10', '203.0.113.53', '192.168.1.1', `${WEB} mark 0x6e63`]) expect(await way(address), address).toContain('dev eth0');
    expect((await n1.status()).control).toBe('connected');
    expect(await says(n1, 'exit ex')).toBe(false);
    // However often WireGuard and the controller are talked to: those packets do not go round in circles.
    expect((await lab.ping('n1', ex.bindIp, { count: 3 })).received).toBe(3);

    await controller.revoke('ex', EVERYWHERE);
    await until(() => says(n1, 'exit ex'), 'the status to say that the exit is gone', 60_000);
    expect(await seenAs()).toBe('');

    await Promise.all([n1.down(), ex.down()]);
    expect(await seenAs()).toBe(HOME);
    expect(await traceOf(lab, 'n1')).toBe(before.n1);
    expect(await traceOf(lab, 'ex')).toBe(before.ex);
  }, 300_000);
});
