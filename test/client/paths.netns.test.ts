import { describe, expect, it } from 'vitest';
import { capabilities } from '../support/lab-capabilities.js';
import { LabOverlay } from '../support/lab-overlay.js';
import { aLab, describeLab } from '../support/lab-vitest.js';
import type { NatKind } from '../support/lab-nat.js';
import type { Lab } from '../support/lab.js';
import { until } from '../support/until.js';

describeLab('paths between nodes', () => {
  describe('behind NATs', () => {
    for (const [a, b] of [['none', 'none'], ['cone', 'cone'], ['fullcone', 'sym'], ['sym', 'none']] as const) {
      it(`become direct between ${a} and ${b}`, async () => {
        const { lab, overlay } = await aNatPair(a, b);

        await overlay.both('n1', 'n2', 'direct');

        expect(await lab.ping('n1', overlay.addressOf('n2'), { count: 3 })).toMatchObject({ received: 3 });
      });
    }

    it('stay on the relay between two symmetric ones, where nothing is lost in trying', async () => {
      const { lab, overlay } = await aNatPair('sym', 'sym');
      await overlay.both('n1', 'n2', 'relay');
      await overlay.reaches('n1', 'n2');

      const stream = lab.pinging('n1', overlay.addressOf('n2'));
      await new Promise((resolve) => setTimeout(resolve, 3000));
      const { sent, received } = await stream.stop();

      expect(overlay.path('n1', 'n2')).toBe('relay');
      expect(sent - received).toBeLessThan(sent / 10);
    });

    it('lead through the office between two of its machines', async () => {
      const lab = aLab();
      await lab.wan();
      await lab.host('ctl', '203.0.113.10');
      await lab.router('ra', '203.0.113.21', ['192.168.1', '192.168.2'], 'cone');
      await lab.behind('n1', 'ra', '192.168.1.2');
      await lab.behind('n2', 'ra', '192.168.2.2', { lan: 1 });
      const overlay = new LabOverlay(lab);
      await overlay.start(['n1', 'n2']);

      await overlay.both('n1', 'n2', 'direct');

      expect(overlay.history('n1', 'n2').at(-1)!.endpoint).toMatch(/^192\.168\.2\.2:/);
      expect(await lab.ping('n1', overlay.addressOf('n2'), { count: 3 })).toMatchObject({ received: 3 });
    });
  });

  describe('that break', () => {
    it('go back to the relay, and become direct again when they can', async () => {
      const { lab, overlay } = await aNatPair('cone', 'cone');
      await overlay.both('n1', 'n2', 'direct');

      await lab.nft('ra', 'add rule inet filter blocked ip daddr 203.0.113.22 drop\nadd rule inet filter blocked ip saddr 203.0.113.22 drop');
      await overlay.reaches('n1', 'n2');
      await overlay.both('n1', 'n2', 'relay');
      await lab.nft('ra', 'flush chain inet filter blocked');

      overlay.tell('n1', { op: 'networkChanged' });
      overlay.tell('n2', { op: 'networkChanged' });
      await overlay.both('n1', 'n2', 'direct');
    });

    it('come back when wireguard-go is killed and when the interface is deleted', async () => {
      const { lab, overlay } = await aNatPair('cone', 'cone');
      await overlay.both('n1', 'n2', 'direct');

      const killIt = async () => (await lab.pids('n1', 'wireguard-go')).forEach((pid) => process.kill(pid, 'SIGKILL'));
      const deleteIt = () => lab.ip('n1', 'link del wg0');
      for (const harm of capabilities().kernelWireGuard ? [deleteIt] : [killIt, deleteIt]) {
        const before = await interfaceNumber(lab, 'n1');
        await harm();
        await until(async () => (await interfaceNumber(lab, 'n1')) > before, 'the interface to be made again');
        await overlay.reaches('n2', 'n1');
        await overlay.both('n1', 'n2', 'direct');
      }
    });

    it('are mended through the relay when that has been killed and started again', async () => {
      const { overlay } = await aNatPair('sym', 'sym');
      await overlay.reaches('n1', 'n2');

      await overlay.killRendezvous();
      overlay.disconnect();
      await overlay.startRendezvous();
      for (const machine of ['n1', 'n2']) overlay.tell(machine, { op: 'relayRestarted' });
      overlay.connect();

      await overlay.reaches('n1', 'n2');
    });
  });

  describe('without a controller', () => {
    it('lose no packet while they are direct', async () => {
      const { lab, overlay } = await aNatPair('cone', 'cone');
      await overlay.both('n1', 'n2', 'direct');
      await overlay.reaches('n1', 'n2');
      const stream = lab.pinging('n1', overlay.addressOf('n2'), 0.05);

      await overlay.killRendezvous();
      overlay.disconnect();
      await new Promise((resolve) => setTimeout(resolve, 6000));
      const { sent, received } = await stream.stop();

      expect(sent).toBeGreaterThan(20);
      expect(sent - received).toBeLessThanOrEqual(1); // the one in flight when the count stops
    });

    it('are found again by a machine that comes up with what it remembers', async () => {
      const { lab, overlay } = await aNatPair('none', 'none');
      await overlay.both('n1', 'n2', 'direct');
      const remembered = overlay.history('n1', 'n2').at(-1)!.endpoint;
      await overlay.killRendezvous();
      overlay.disconnect();

      await overlay.restart('n1');
      await lab.ip('n1', 'link del wg0');
      overlay.map(['n1'], { n2: remembered });

      await overlay.reaches('n1', 'n2');
      await overlay.both('n1', 'n2', 'direct');
    });
  });

  it('stay direct, and no packet is lost, when a node takes over its running interface', async () => {
    const { lab, overlay } = await aNatPair('cone', 'cone');
    await overlay.both('n1', 'n2', 'direct');
    await overlay.reaches('n2', 'n1');
    const stream = lab.pinging('n2', overlay.addressOf('n1'), 0.05);

    await overlay.restart('n1');
    overlay.map(['n1']);
    overlay.connect(['n1']);
    await until(() => overlay.path('n1', 'n2') === 'direct', 'n1 to see its path');
    const { sent, received } = await stream.stop();

    expect(sent - received).toBeLessThanOrEqual(1);
    expect(overlay.history('n1', 'n2').map(({ kind }) => kind)).toEqual(['direct']);
  });
});

async function interfaceNumber(lab: Lab, machine: string): Promise<number> {
  return Number(/^(\d+):/.exec(await lab.ip(machine, '-o link show dev wg0').catch(() => ''))?.[1] ?? 0);
}

/** n1 and n2 behind a router each, and the rendezvous on a public address. */
async function aNatPair(a: NatKind, b: NatKind): Promise<{ lab: Lab; overlay: LabOverlay }> {
  const lab = aLab();
  await lab.wan();
  await lab.host('ctl', '203.0.113.10');
  await lab.router('ra', '203.0.113.21', ['192.168.1'], a);
  await lab.router('rb', '203.0.113.22', ['192.168.2'], b);
  await lab.behind('n1', 'ra', '192.168.1.2');
  await lab.behind('n2', 'rb', '192.168.2.2');
  const overlay = new LabOverlay(lab);
  await overlay.start(['n1', 'n2']);
  return { lab, overlay };
}
