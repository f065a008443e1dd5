import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pinned } from './pin.js';

/** A name server of others. */
export interface Reference {
  readonly name: string;
  readonly port: number;
  /** Seconds of CPU used so far. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

/** A record as a zone file has it: name, type, data. */
export type ZoneLine = readonly [name: string, type: string, data: string];

/** Longer than a bench takes: nothing is to be asked anew while it is measured. */
export const TTL_SECONDS = 3600;

const FOLDERS = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
/** @see proc(5) /proc/pid/stat, sysconf(3) _SC_CLK_TCK */
const TICKS_PER_SECOND = 100;

/** Starts nsd(8) with these records and one thread; undefined where it is not installed. */
export function startNsd(dir: string, port: number, records: readonly ZoneLine[]): Reference | undefined {
  file(dir, 'zone', zoneLines(records));
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
  return start('nsd', port, ['-d', '-c', file(dir, 'nsd.conf', lines)]);
}

/** Starts knotd(8) with these records and one thread for each transport; undefined where it is not installed. */
export function startKnot(dir: string, port: number, records: readonly ZoneLine[]): Reference | undefined {
  const home = join(dir, 'knot');
  mkdirSync(home);
  const zone = file(home, 'zone', zoneLines(records));
  const lines = [
    'server:',
    ` listen: 127.0.0.1@${port}`,
    ` rundir: ${home}`,
    ' udp-workers: 1',
    ' tcp-workers: 1',
    ' background-workers: 1',
    'database:',
    ` storage: ${home}`,
    'zone:',
    ' - domain: nc.internal',
    `   file: ${zone}`,
  ];
  return start('knotd', port, ['-c', file(home, 'knot.conf', lines)]);
}

/** Starts unbound(8) with these records as its own, over HTTPS on `httpsPort` too, and one thread; undefined where it is not installed. */
export function startUnbound(dir: string, { port, httpsPort }: { port: number; httpsPort: number }, records: readonly ZoneLine[]): Reference | undefined {
  const [key, certificate] = [join(dir, 'key.pem'), join(dir, 'certificate.pem')];
  const lines = [
    ...unboundLines(dir, port),
    ` interface: 127.0.0.1@${httpsPort}`,
    ` https-port: ${httpsPort}`,
    ` tls-service-key: "${key}"`,
    ` tls-service-pem: "${certificate}"`,
    ' local-zone: "nc.internal." static',
    ...records.map(([name, type, data]) => ` local-data: "${name}. ${TTL_SECONDS} ${type} ${data}"`),
  ];
  makeCertificate(key, certificate);
  return start('unbound', port, ['-d', '-c', file(dir, 'unbound.conf', lines)]);
}

/** Starts unbound(8) as one that asks `upstreamPort` and remembers; undefined where it is not installed. */
export function startForwardingUnbound(dir: string, port: number, upstreamPort: number): Reference | undefined {
  const lines = [
    ...unboundLines(dir, port),
    ' do-not-query-localhost: no',
    ' msg-cache-size: 32m',
    ' rrset-cache-size: 64m',
    'forward-zone:',
    ' name: "."',
    ` forward-addr: 127.0.0.1@${upstreamPort}`,
  ];
  return start('unbound', port, ['-d', '-c', file(dir, 'forwarding.conf', lines)]);
}

/** The zone as a zone file has it. @see RFC 1035 §5 */
function zoneLines(records: readonly ZoneLine[]): string[] {
  return [`$TTL ${TTL_SECONDS}`, '@ SOA ns h 1 3600 600 86400 5', '@ NS ns', 'ns A 10.66.0.1', ...records.map(([name, type, data]) => `${name}. ${type} ${data}`)];
}

/** As many buffers and connections as dnsperf(1) can want from it. */
function unboundLines(dir: string, port: number): string[] {
  return [
    'remote-control:',
    ' control-enable: no',
    'server:',
    ` interface: 127.0.0.1@${port}`,
    ` directory: "${dir}"`,
    ' do-daemonize: no',
    ' num-threads: 1',
    ' incoming-num-tcp: 100',
    ' so-rcvbuf: 4m',
    ' so-sndbuf: 4m',
    ' username: ""',
    ' chroot: ""',
    ' pidfile: ""',
    ' use-syslog: no',
    ' verbosity: 0',
    ' module-config: "iterator"',
  ];
}

/** Of the same kind as our own: P-256. */
function makeCertificate(key: string, certificate: string): void {
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost', '-keyout', key, '-out', certificate];
  execFileSync('openssl', words, { stdio: 'ignore' });
}

function file(dir: string, name: string, lines: readonly string[]): string {
  writeFileSync(join(dir, name), `${lines.join('\n')}\n`);
  return join(dir, name);
}

function start(name: string, port: number, argv: readonly string[]): Reference | undefined {
  const program = FOLDERS.map((folder) => join(folder, name)).find(isExecutable);
  if (program === undefined) return void console.error(`${name}: not on this machine, no ratio to it (node scripts/system-packages.mjs bench)`);
  const [command, words] = pinned('server', [program, ...argv]);
  const child = spawn(command, words, { stdio: 'ignore', detached: true });
  const group = child.pid!;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return { name, port, cpuSeconds: () => cpuOfTree(group), stop: () => stop(group, child.exitCode, ended) };
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

/** CPU of a process and of all below it: nsd answers in a grandchild. @see proc(5) /proc/pid/task/tid/children */
function cpuOfTree(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return children.reduce((sum, child) => sum + cpuOfTree(child), cpuOf(pid));
}

function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
