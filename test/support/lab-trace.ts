import type { Lab } from './lab.js';
import { until } from './until.js';

/**
 * What an agent may touch on a machine, as text: two that are equal byte for byte tell that it has left nothing. Taken once the kernel knows
 * that nobody else has the machine's addresses (RFC 4862 §5.4).
 */
export async function traceOf(lab: Lab, machine: string): Promise<string> {
  await until(async () => !(await lab.ip(machine, 'address')).includes('tentative'), `the addresses of ${machine} to be settled`);
  const commands = ['nft list ruleset', 'ip address | sed s/valid_lft.*//', 'ip -4 route show table all', 'ip -6 route show table all', 'ip rule', 'ip -6 rule', 'cat /etc/resolv.conf', 'find /run | sort', 'sysctl -a -r "^net.ipv[46].(conf|ip_forward)"'];
  const texts: string[] = [];
  for (const command of commands) texts.push(`# ${command}\n${(await lab.exec(machine, ['sh', '-c', command])).stdout}`);
  return texts.join('\n');
}

/** A program on `machine` that prints every UDP packet it gets at `port`: where it is from and what is in it. */
export async function listenOn(lab: Lab, machine: string, port: number): Promise<() => string> {
  const script = `const s = require('dgram').createSocket('udp4'); s.on('message', (m, r) => console.log(r.address + ' ' + m)); s.bind(${port}, () => console.log('ready'));`;
  const listener = lab.spawn(machine, [process.execPath, '-e', script]);
  while (!listener.output().includes('ready')) await new Promise((resolve) => setTimeout(resolve, 20));
  return () => listener.output();
}

/** Sends one UDP packet from `source`, an address of `machine`. */
export async function sendFrom(lab: Lab, machine: string, source: string, to: { address: string; port: number }, text: string): Promise<void> {
  const script = `const s = require('dgram').createSocket('udp4'); s.bind(0, '${source}', () => s.send('${text}', ${to.port}, '${to.address}', () => s.close()));`;
  await lab.exec(machine, [process.execPath, '-e', script]);
}
