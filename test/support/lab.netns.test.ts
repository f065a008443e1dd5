import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { aLab, describeLab } from './lab-vitest.js';
import { until } from './until.js';

describeLab('the network lab', () => {
  it('lets a host behind a cone router reach a public one from the same port, and nobody come in', async () => {
    const lab = aLab();
    await lab.wan();
    await lab.host('open', '203.0.113.10');
    await lab.router('ra', '203.0.113.21', ['192.168.1', '192.168.2'], 'cone');
    await lab.behind('n1', 'ra', '192.168.1.2');
    await lab.behind('n2', 'ra', '192.168.2.2', { lan: 1 });
    const capture = await lab.capture('open', 'eth0', 'udp port 4007');

    await sendUdp(lab, 'n1', 40_000, '203.0.113.10');

    await until(() => capture.udpPayloads().some((payload) => payload.toString() === 'hello'));
    expect(capture.frames().map((frame) => frame.readUInt16BE(34))).toEqual([40_000]);
    expect(await lab.ping('n1', '192.168.2.2')).toMatchObject({ sent: 1, received: 1, ttl: 63 });
    expect(await lab.ping('open', '192.168.1.2', { waitSeconds: 0.3 })).toMatchObject({ received: 0 });
  });

  it('gives each destination another port behind a symmetric router', async () => {
    const lab = aLab();
    await lab.wan();
    await lab.host('a', '203.0.113.10');
    await lab.host('b', '203.0.113.11');
    await lab.router('ra', '203.0.113.21', ['192.168.1'], 'sym');
    await lab.behind('n1', 'ra', '192.168.1.2');
    const captures = [await lab.capture('a', 'eth0', 'udp port 4007'), await lab.capture('b', 'eth0', 'udp port 4007')];

    await sendUdp(lab, 'n1', 40_000, '203.0.113.10');
    await sendUdp(lab, 'n1', 40_000, '203.0.113.11');

    await until(() => captures.every((capture) => capture.frames().length > 0));
    const ports = captures.map((capture) => capture.frames()[0]!.readUInt16BE(34));
    expect(new Set([40_000, ...ports]).size).toBe(3);
  });

  it('lets everybody in behind a full cone', async () => {
    const lab = aLab();
    await lab.wan();
    await lab.host('open', '203.0.113.10');
    await lab.router('ra', '203.0.113.21', ['192.168.1'], 'fullcone');
    await lab.behind('n1', 'ra', '192.168.1.2');
    const capture = await lab.capture('n1', 'eth0', 'udp port 4007');

    await sendUdp(lab, 'open', 40_000, '203.0.113.21');

    await until(() => capture.udpPayloads().length > 0);
  });

  it('gives a machine a /run and a resolv.conf of its own', async () => {
    const lab = aLab();
    await lab.machine('n1', { resolvConf: 'nameserver 10.9.8.7\n' });

    await lab.exec('n1', ['sh', '-c', 'touch /run/of-n1; echo "search lab" >>/etc/resolv.conf']);

    expect((await lab.exec('n1', ['cat', '/etc/resolv.conf'])).stdout).toBe('nameserver 10.9.8.7\nsearch lab\n');
    expect((await lab.exec('n1', ['ls', '/run'])).stdout.split('\n')).toContain('of-n1');
    expect(existsSync('/run/of-n1')).toBe(false);
  });

  it('leaves neither namespace nor process, not even one that was detached', async () => {
    const lab = aLab();
    await lab.machine('n1');
    const { stdout } = await lab.exec('n1', ['sh', '-c', 'setsid sleep 1000 >/dev/null 2>&1 & echo $!']);

    await lab.destroy();

    expect(execFileSync('ip', ['netns', 'list']).toString()).not.toContain(lab.prefix);
    await until(() => !existsSync(`/proc/${stdout.trim()}`));
  });

  it('is taken away when its owner is killed', async () => {
    const raise = `import { Lab } from '${new URL('./lab.ts', import.meta.url).href}';
      const lab = new Lab(); await lab.machine('n1'); console.log(lab.prefix); setInterval(() => {}, 1000);`;
    const owner = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', raise], { stdio: ['ignore', 'pipe', 'inherit'] });
    let prefix = '';
    owner.stdout.on('data', (chunk: Buffer) => (prefix += chunk.toString().trim()));
    await until(() => prefix, 'the lab');

    owner.kill('SIGKILL');

    await until(() => !execFileSync('ip', ['netns', 'list']).toString().includes(prefix), 'the lab to go');
  });
});

async function sendUdp(lab: ReturnType<typeof aLab>, machine: string, fromPort: number, address: string): Promise<void> {
  const send = `const s = require('node:dgram').createSocket('udp4'); s.bind(${fromPort}, () => s.send('hello', 4007, '${address}', () => s.close()));`;
  await lab.exec(machine, [process.execPath, '-e', send]);
}
