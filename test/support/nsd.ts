import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RecordData, ResourceRecord } from '../../src/domain/dns-record.js';
import { tmpDir } from './tmp-dir.js';

const FOLDERS = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin'];

/** Where nsd(8) is, or undefined without it. */
export const nsdProgram = FOLDERS.map((folder) => join(folder, 'nsd')).find((path) => existsSync(path));

/** Serves `records` of `zone` with nsd(8) until the test is over. @returns Its port on 127.0.0.1. */
export async function startNsd(zone: string, records: readonly ResourceRecord[]): Promise<number> {
  const dir = tmpDir();
  const port = await freePort();
  writeFileSync(join(dir, 'zone'), `${records.map(zoneLine).join('\n')}\n`);
  const server = ['server:', ` ip-address: 127.0.0.1@${port}`, ' server-count: 1', ' username: ""', ' chroot: ""', ' pidfile: ""', ' database: ""', ` zonesdir: "${dir}"`, ` xfrdfile: "${dir}/xfrd"`, ` zonelistfile: "${dir}/zones"`, ` xfrdir: "${dir}"`, ' rrl-ratelimit: 0'];
  writeFileSync(join(dir, 'conf'), [...server, 'remote-control:', ' control-enable: no', 'zone:', ` name: ${zone}`, ' zonefile: zone', ''].join('\n'));
  const child = spawn(nsdProgram!, ['-d', '-c', join(dir, 'conf')], { stdio: 'ignore' });
  onTestFinished(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill();
    await ended;
  });
  return port;
}

function zoneLine({ name, ttlSeconds, data }: ResourceRecord): string {
  return `${name}. ${ttlSeconds} IN ${data.type} ${dataText(data)}`;
}

function dataText(data: RecordData): string {
  switch (data.type) {
    case 'A':
    case 'AAAA':
      return data.address;
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return `${data.target}.`;
    case 'MX':
      return `${data.preference} ${data.target}.`;
    case 'SRV':
      return `${data.priority} ${data.weight} ${data.port} ${data.target}.`;
    case 'TXT':
      return data.texts.map((text) => JSON.stringify(text)).join(' ');
    case 'CAA':
      return `${data.critical ? 128 : 0} ${data.tag} ${JSON.stringify(data.value)}`;
    case 'SOA':
      return `${data.primary}. ${data.mailbox}. ${data.serial} ${data.refreshSeconds} ${data.retrySeconds} ${data.expireSeconds} ${data.negativeSeconds}`;
  }
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}
