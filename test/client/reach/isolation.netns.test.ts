import { expect, it } from 'vitest';
import { LabController } from '../../support/lab-controller.js';
import { listenOn, sendFrom, traceOf } from '../../support/lab-trace.js';
import { aLab, describeLab } from '../../support/lab-vitest.js';
import { until } from '../../support/until.js';

const PORT = 9999;

async function twoNodes(settings: Record<string, unknown> = {}) {
  const lab = aLab();
  await lab.wan();
  const controller = await LabController.start(lab, settings);
  await lab.host('n1', '203.0.113.11');
  await lab.host('n2', '203.0.113.12');
  const [n1, n2] = [await controller.join('n1'), await controller.join('n2')];
  const before = await traceOf(lab, 'n1');
  await Promise.all([n1.up(), n2.up()]);
  return { lab, controller, n1, n2, before };
}

describeLab('a packet', () => {
  it('with a foreign overlay address gets through neither the tunnel nor the network beside it, and none leaves beside the tunnel', async () => {
    const { lab, n1, n2, before } = await twoNodes();
    await lab.host('evil', '203.0.113.66');
    await until(async () => (await lab.ping('n1', n2.bindIp)).received === 1, 'the nodes to reach each other', 60_000);
    const heard = await listenOn(lab, 'n2', PORT);

    // A member that takes another address, inside of its tunnel.
    await lab.ip('n1', 'addr add 10.66.0.99/32 dev nc0');
    await sendFrom(lab, 'n1', '10.66.0.99', { address: n2.bindIp, port: PORT }, 'foreign');
    expect((await lab.exec('n1', ['ping', '-n', '-c', '2', '-W', '1', '-I', '10.66.0.99', '10.66.0.1']).catch((error: { stdout: string }) => error)).stdout).toContain(' 0 received');
    expect((await lab.ping('n1', '10.66.0.1')).received).toBe(1);
    // A stranger with an address of the overlay, and one who sends to it, on the network beside the tunnel.
    await lab.ip('evil', 'addr add 10.66.0.77/32 dev lo');
    await lab.ip('evil', `route add ${n2.bindIp}/32 via 203.0.113.12`);
    await sendFrom(lab, 'evil', '10.66.0.77', { address: '203.0.113.12', port: PORT }, 'martian');
    await sendFrom(lab, 'evil', '203.0.113.66', { address: n2.bindIp, port: PORT }, 'around');
    await sendFrom(lab, 'n1', n1.bindIp, { address: n2.bindIp, port: PORT }, 'honest');
    await sendFrom(lab, 'evil', '203.0.113.66', { address: '203.0.113.12', port: PORT }, 'underlay');
    await until(() => heard().includes('honest') && heard().includes('underlay'), 'the honest packets', 30_000);
    expect(heard()).toBe(`ready\n${n1.bindIp} honest\n203.0.113.66 underlay\n`);

    // Nothing heals the interface any more.
    await n1.kill();
    await lab.ip('n1', 'link del nc0');
    const wire = await lab.capture('n1', 'eth0', 'icmp');
    await lab.ping('n1', n2.bindIp, { count: 3 });
    await lab.ping('n1', '203.0.113.1');
    await until(() => wire.frames().length >= 2, 'the ping beside the overlay');
    expect(wire.frames().length).toBe(2);
    await lab.nft('n1', 'delete table inet nc-client-nc0');
    await lab.ping('n1', n2.bindIp);
    await until(() => wire.frames().length > 2, 'what only the table held back');

    await wire.stop();
    await n1.down();
    expect(await traceOf(lab, 'n1')).toBe(before);
  }, 300_000);

  it('gets to the controller and to no other node where nodes are not to talk to each other', async () => {
    const { lab, n1, n2 } = await twoNodes({ interconnection: false });
    const peersOf = async (machine: string): Promise<number> => (await lab.exec(machine, ['wg', 'show', 'nc0', 'peers'])).stdout.trim().split('\n').length;
    expect([(await n1.status()).peers, await peersOf('n1'), await peersOf('n2')]).toEqual([[], 1, 1]);
    const key = (await lab.exec('n2', ['wg', 'show', 'nc0', 'public-key'])).stdout.trim();
    const port = (await lab.exec('n2', ['wg', 'show', 'nc0', 'listen-port'])).stdout.trim();

    for (const endpoint of ['203.0.113.10:6441', `203.0.113.12:${port}`]) {
      await lab.exec('n1', ['wg', 'set', 'nc0', 'peer', key, 'remove', 'peer', key, 'endpoint', endpoint, 'allowed-ips', `${n2.bindIp}/32`]);
      expect((await lab.ping('n1', n2.bindIp, { count: 3 })).received, endpoint).toBe(0);
      expect((await lab.exec('n1', ['wg', 'show', 'nc0', 'latest-handshakes'])).stdout).toContain(`${key}\t0`);
    }

    expect([await peersOf('n2'), (await lab.ping('n1', '10.66.0.1')).received]).toEqual([1, 1]);
  }, 300_000);
});
