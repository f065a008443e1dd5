/**
 * Installs the Debian programs that the demo and the tests in network namespaces use, when they are missing.
 *
 * Plain Node without packages, because it runs before `npm ci`. Never fails: what cannot be installed is named, and
 * whatever needs it says so itself.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PROGRAMS = [
  { program: 'wg', package: 'wireguard-tools', why: 'sets up WireGuard interfaces' },
  { program: 'wireguard-go', package: 'wireguard-go', why: 'WireGuard where the kernel has none' },
  { program: 'ip', package: 'iproute2', why: 'addresses, routes, network namespaces' },
  { program: 'nft', package: 'nftables', why: 'the NAT routers of the lab' },
  { program: 'dig', package: 'dnsutils', why: 'asks the name server as an outsider' },
  { program: 'delv', package: 'bind9-dnsutils', why: 'checks our signatures as an outsider' },
  { program: 'kdig', package: 'knot-dnsutils', why: 'asks the name server over TLS and HTTPS as an outsider' },
  { program: 'curl', package: 'curl', why: 'talks to the HTTPS listener as an outsider' },
  { program: 'drill', package: 'ldnsutils', why: 'asks the name server with a third library' },
  { program: 'nsd', package: 'nsd', why: 'the name server beside which our answers are compared' },
  { program: 'etcd', package: 'etcd-server', why: 'the store of several controllers' },
  { program: 'tcpdump', package: 'tcpdump', why: 'looks at the packets on the wire' },
  { program: 'ping', package: 'iputils-ping', why: 'shows who reaches whom' },
  { program: 'openssl', package: 'openssl', why: 'checks our certificates as an outsider' },
  { program: 'socat', package: 'socat', why: 'plain connections for tests' },
  { program: 'ps', package: 'procps', why: 'processes, and sysctl for the routers' },
];
/** With the argument "kernel": for the virtual machine whose kernel has WireGuard. */
const KERNEL_PROGRAMS = [
  { program: 'qemu-system-x86_64', package: 'qemu-system-x86', why: 'the virtual machine' },
  { program: 'cpio', package: 'cpio', why: 'packs its files' },
  { program: 'busybox', package: 'busybox-static', why: 'its small programs' },
  { program: 'depmod', package: 'kmod', why: 'its kernel modules' },
];
/** With the argument "bench": for `npm run bench -- dns`, which goes on without the servers of others, and `-- dataplane`. */
const BENCH_PROGRAMS = [
  { program: 'iperf3', package: 'iperf3', why: 'sends as much as gets through a tunnel' },
  { program: 'dnsperf', package: 'dnsperf', why: 'asks name servers as fast as they answer' },
  { program: 'unbound', package: 'unbound', why: 'a name server beside which ours is measured' },
  { program: 'knotd', package: 'knot', why: 'another one' },
];
const GROUPS = { kernel: KERNEL_PROGRAMS, bench: BENCH_PROGRAMS };
const FOLDERS = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'].filter(Boolean);
/** Debian 12's wireguard-go is 4 to 8 times slower than the one of its backports, which has UDP segmentation offload. */
const BACKPORTS = { release: 'bookworm', package: 'wireguard-go', file: '/etc/apt/sources.list.d/network-controller-backports.sources' };

const wanted = [...PROGRAMS, ...Object.entries(GROUPS).flatMap(([group, programs]) => (process.argv.includes(group) ? programs : []))];
const missing = wanted.filter(({ program }) => !FOLDERS.some((folder) => isExecutable(join(folder, program))));
if (missing.length > 0) provide(missing);

function provide(programs) {
  console.log('Missing on this machine:');
  for (const { program, package: name, why } of programs) console.log(`  ${program.padEnd(13)} ${why} (Debian package ${name})`);
  const names = programs.map(({ package: name }) => name);
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    console.log(`Only root on Debian can install them: apt-get install ${names.join(' ')}. Going on without.\n`);
    return;
  }
  console.log(`Installing ${names.join(', ')} …`);
  const suite = names.includes(BACKPORTS.package) ? addBackports() : undefined;
  const isUpdated = apt(['update']);
  if (suite !== undefined && !(isUpdated && apt(['install', '-t', suite, BACKPORTS.package]))) {
    console.log(`  ${suite} cannot be used; taking the slower ${BACKPORTS.package} of ${BACKPORTS.release}.`);
    rmSync(BACKPORTS.file, { force: true });
    apt(['update']);
  }
  const isInstalled = withoutStartingServices(() => apt(['install', ...names]));
  if (!isInstalled) console.log('  apt-get failed; what needs the missing programs will be skipped.');
  console.log('');
}

/** Debian starts a service when it installs one; the tests start their own. The file is Debian's way to say no, see invoke-rc.d(8). */
function withoutStartingServices(task) {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return task();
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return task();
  } finally {
    rmSync(policy, { force: true });
  }
}

/** Adds the backports suite of the mirror that this machine uses already. Gives the suite, or undefined where there is none to add. */
function addBackports() {
  const suite = `${BACKPORTS.release}-backports`;
  const sources = readSources();
  if (sources.includes(suite)) return suite;
  const mirror = findMirror(sources);
  if (mirror === undefined) return undefined;
  const lines = ['Types: deb', `URIs: ${mirror.uri}`, `Suites: ${suite}`, 'Components: main', ...(mirror.signedBy ? [`Signed-By: ${mirror.signedBy}`] : [])];
  writeFileSync(BACKPORTS.file, `${lines.join('\n')}\n`);
  return suite;
}

function readSources() {
  const folder = '/etc/apt/sources.list.d';
  const files = ['/etc/apt/sources.list', ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [])];
  return files.filter((file) => /\.(list|sources)$/.test(file) && existsSync(file)).map((file) => readFileSync(file, 'utf8')).join('\n\n');
}

/** The mirror of the release itself, from a one-line entry or a deb822 stanza; see sources.list(5). */
function findMirror(sources) {
  for (const stanza of sources.split(/\n\s*\n/)) {
    const field = (name) => new RegExp(`^${name}:\\s*(.+)$`, 'm').exec(stanza)?.[1]?.trim();
    if (field('Suites')?.split(/\s+/).includes(BACKPORTS.release)) return { uri: field('URIs'), signedBy: field('Signed-By') };
  }
  const [, options, uri] = new RegExp(`^deb\\s+(?:\\[([^\\]]*)\\]\\s+)?(\\S+)\\s+${BACKPORTS.release}\\s`, 'm').exec(sources) ?? [];
  return uri === undefined ? undefined : { uri, signedBy: /signed-by=(\S+)/.exec(options ?? '')?.[1] };
}

/** Runs apt-get quietly; on failure shows the end of what it said. */
function apt(words) {
  try {
    const quiet = ['-qq', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120'];
    execFileSync('apt-get', [...quiet, ...words], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' } });
    return true;
  } catch (error) {
    console.log(`  apt-get ${words.join(' ')}: ${String(error.stderr ?? error).trim().split('\n').slice(-3).join(' ')}`);
    return false;
  }
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
