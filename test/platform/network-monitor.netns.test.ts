import { expect, it } from 'vitest';
import { aLab, describeLab } from '../support/lab-vitest.js';
import { until } from '../support/until.js';

const WATCHER = `
import { systemClock } from './src/platform/clock.js';
import { monitorNetwork } from './src/platform/network-monitor.js';
import { watchAddresses } from './src/client/address-watch.js';
watchAddresses({ clock: { ...systemClock, every: () => () => {} }, monitor: monitorNetwork, except: 'nc0' }, () => console.log('changed'));
monitorNetwork(() => console.log('event'));
setInterval(() => {}, 1000);
`;

describeLab('a machine whose network is watched', () => {
  it('tells of another address and another way out, and of nothing of its overlay', async () => {
    const lab = aLab();
    await lab.wan();
    await lab.host('n1', '203.0.113.11');
    await lab.ip('n1', 'link add nc0 type veth peer name nc1');
    const watcher = lab.spawn('n1', [process.execPath, '--import', 'tsx', '--input-type=module', '--eval', WATCHER], { name: 'watcher' });
    const count = (word: string) => watcher.output().split('\n').filter((line) => line === word).length;
    await until(async () => (await lab.pids('n1', 'ip')).length === 2, 'ip monitor', 60_000);
    let addresses = 0;
    await until(async () => {
      await lab.ip('n1', `addr add 198.51.100.${++addresses}/32 dev eth0`);
      return count('changed') > 0;
    }, 'the first change to be told', 60_000);

    // What comes first has been seen when what comes after it is.
    const [before, events] = [count('changed'), count('event')];
    await lab.ip('n1', 'addr add 10.66.0.5/24 dev nc0');
    await lab.ip('n1', 'link set nc0 up');
    await until(() => count('event') > events, 'the overlay to be told of', 60_000);
    await lab.ip('n1', 'route replace default via 203.0.113.2');
    await until(() => count('changed') > before, 'the other way out to be told', 60_000);

    expect(count('changed')).toBeLessThanOrEqual(before + 2);
  });
});
