import { spawn } from 'node:child_process';
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A name server of others that serves the same records. */
export interface Reference {
  readonly name: string;
  /** Seconds of CPU used so far. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

/** A record as a zone file has it: name, type, data. */
export type ZoneLine = readonly [name: string, type: string, data: string];

const FOLDERS = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];

/** Starts the reference servers that this machine has, each with one thread. */
export function startReferences(dir: string, ports: { nsd: number; unbound: number }, records: readonly ZoneLine[]): Reference[] {
  return [startNsd(dir, ports.nsd, records), startUnbound(dir, ports.unbound, records)].filter((reference) => reference !== undefined);
}

function startNsd(dir: string, port: number, records: readonly ZoneLine[]): Reference | undefined {
  const zone = ['$TTL 60', '@ SOA ns h 1 3600 600 86400 5', '@ NS ns', 'ns A 10.66.0.1', ...records.map(([name, type, data]) => `${name}. ${type} ${data}`)];
  writeFileSync(join(dir, 'zone'), `${zone.join('\n')}\n`);
  const lines = [
    'server:',
    ` ip-address: 127.0.0.1@${port}`,
    ' server-count: 1',
    ' username: ""',
    ' chroot: ""',
    ' pidfile: ""',
    ' database: ""',
    ` zonesdir: "${dir}"`,
    ` xfrdfile: "${dir}/xfrd"`,
    ` zonelistfile: "${dir}/zones"`,
    ` xfrdir: "${dir}"`,
    'remote-control:',
    ' control-enable: no',
    'zone:',
    ' name: nc.internal',
    ' zonefile: zone',
  ];
  return start('nsd', ['-d', '-c', file(dir, 'nsd.conf', lines)]);
}

function startUnbound(dir: string, port: number, records: readonly ZoneLine[]): Reference | undefined {
  const lines = [
    'server:',
    ` interface: 127.0.0.1@${port}`,
    ` directory: "${dir}"`,
    ' do-daemonize: no',
    ' num-threads: 1',
    ' username: ""',
    ' chroot: ""',
    ' pidfile: ""',
    ' use-syslog: no',
    ' verbosity: 0',
    ' module-config: "iterator"',
    ' local-zone: "nc.internal." static',
    ...records.map(([name, type, data]) => ` local-data: "${name}. 60 ${type} ${data}"`),
    'remote-control:',
    ' control-enable: no',
  ];
  return start('unbound', ['-d', '-c', file(dir, 'unbound.conf', lines)]);
}

function file(dir: string, name: string, lines: readonly string[]): string {
  writeFileSync(join(dir, name), `${lines.join('\n')}\n`);
  return join(dir, name);
}

function start(name: string, argv: readonly string[]): Reference | undefined {
  const program = FOLDERS.map((folder) => join(folder, name)).find(isExecutable);
  if (program === undefined) return void console.error(`${name}: not on this machine, no ratio to it (apt-get install ${name})`);
  const child = spawn(program, argv, { stdio: ['ignore', 'ignore', 'inherit'], detached: true });
  const group = child.pid!;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return { name, cpuSeconds: () => cpuOfGroup(group), stop: () => stop(group, child.exitCode, ended) };
}

async function stop(group: number, exitCode: number | null, ended: Promise<void>): Promise<void> {
  if (exitCode !== null) return;
  process.kill(-group, 'SIGTERM');
  await ended;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** CPU of a process and its children, which are few and directly below it. @see proc(5) */
function cpuOfGroup(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  return [pid, ...children].reduce((sum, each) => sum + cpuOf(each) + (each === pid ? 0 : cpuOfChildren(each)), 0);
}

function cpuOfChildren(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  return children.reduce((sum, each) => sum + cpuOf(each), 0);
}

function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
