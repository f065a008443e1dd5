import { describe, expect, it } from 'vitest';
import { LabOverlay } from '../support/lab-overlay.js';
import { aLab, describeLab } from '../support/lab-vitest.js';
import type { NatKind } from '../support/lab-nat.js';
import type { Lab } from '../support/lab.js';

describeLab('paths between nodes', () => {
  describe('behind NATs', () => {
    for (const [a, b] of [['none', 'none'], ['cone', 'cone'], ['fullcone', 'sym'], ['sym', 'none']] as const) {
      it(`become direct between ${a} and ${b}`, async () => {
        const { lab, overlay } = await aNatPair(a, b);

        await overlay.both('n1', 'n2', 'direct');

        expect(await lab.ping('n1', overlay.addressOf('n2'), { count: 3 })).toMatchObject({ received: 3 });
      });
    }

    it('stay on the relay between two symmetric ones, where packets go on getting through', async () => {
      const { lab, overlay } = await aNatPair('sym', 'sym');
      await overlay.both('n1', 'n2', 'relay');

      const stream = lab.pinging('n1', overlay.addressOf('n2'));
      await new Promise((resolve) => setTimeout(resolve, 3000));
      const { sent, received } = await stream.stop();

      expect(overlay.path('n1', 'n2')).toBe('relay');
      expect(received).toBeGreaterThan(sent / 2);
    });
  });
});

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
