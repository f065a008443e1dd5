import { expect, it } from 'vitest';
import { LabController } from '../../support/lab-controller.js';
import { traceOf } from '../../support/lab-trace.js';
import { aLab, describeLab } from '../../support/lab-vitest.js';
import { until } from '../../support/until.js';

const OFFICE = '192.168.7.0/24';
const PRINTER = '192.168.7.20';
const SAFE = '192.168.8.20';

/** An office whose machines know no way out, behind a node; another node far away. */
async function anOffice() {
  const lab = aLab();
  await lab.wan();
  const controller = await LabController.start(lab);
  await lab.host('gw', '203.0.113.11');
  await lab.host('far', '203.0.113.12');
  for (const net of [7, 8]) {
    await lab.bridge('gw', `lan${net}`, `192.168.${net}.1/24`);
    const machine = net === 7 ? 'printer' : 'safe';
    await lab.machine(machine);
    await lab.plug(machine, { machine: 'gw', bridge: `lan${net}` }, { address: `192.168.${net}.20/24` });
  }
  const [gw, far] = [await controller.join('gw', { routes: [OFFICE] }), await controller.join('far')];
  const reaches = async (address: string) => (await lab.ping('far', address)).received === 1;
  return { lab, controller, gw, far, reaches };
}

describeLab('a network behind a node', () => {
  it('is reached once it is approved and no longer, it alone, and nothing of that is left on the machine', async () => {
    const { lab, controller, gw, far, reaches } = await anOffice();
    const before = await traceOf(lab, 'gw');
    await Promise.all([gw.up(), far.up()]);
    await until(() => reaches(gw.bindIp), 'the node itself to be reached', 60_000);
    expect(await reaches(PRINTER)).toBe(false);

    await controller.approve('gw', OFFICE);
    await until(() => reaches(PRINTER), 'the printer to be reached', 60_000);

    expect(await lab.ip('far', 'route get 192.168.7.20')).toContain('dev nc0');
    // A node that sends on its own account what nobody approved.
    const peers = (await lab.exec('far', ['wg', 'show', 'nc0', 'allowed-ips'])).stdout;
    const key = peers.split('\n').find((line) => line.includes(OFFICE))!.split('\t')[0]!;
    await lab.exec('far', ['wg', 'set', 'nc0', 'peer', key, 'allowed-ips', `+192.168.8.0/24`]).catch(() => lab.exec('far', ['wg', 'set', 'nc0', 'peer', key, 'allowed-ips', `${gw.bindIp}/32,${OFFICE},192.168.8.0/24`]));
    await lab.ip('far', 'route add 192.168.8.0/24 dev nc0');
    expect([await reaches(SAFE), await reaches(PRINTER)]).toEqual([false, true]);

    await controller.revoke('gw', OFFICE);
    await until(async () => !(await reaches(PRINTER)), 'the printer to be out of reach', 60_000);
    await until(async () => !(await lab.ip('far', 'route')).includes(OFFICE), 'the route to go', 60_000);
    await controller.approve('gw', OFFICE);
    await until(() => reaches(PRINTER), 'the printer to be reached again', 60_000);
    expect(await traceOf(lab, 'gw')).not.toBe(before);

    await gw.kill();
    await gw.down();

    expect(await traceOf(lab, 'gw')).toBe(before);
  }, 300_000);
});
