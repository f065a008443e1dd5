import { execFile, spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { Capture } from './lab-capture.js';
import { deleteNamespaces, startReaper, sweep } from './lab-cleanup.js';
import { natRules, type NatKind } from './lab-nat.js';
import { LabProcess } from './lab-process.js';

const execute = promisify(execFile);

/** Makes a machine of a namespace: its own /run and /etc/resolv.conf, which programs on it may write. Lives until its stdin ends. */
const HOLDER = `set -e
mount -t tmpfs -o mode=0755 none /run
target=$(readlink -m /etc/resolv.conf)
mkdir -p "$(dirname "$target")"; [ -e "$target" ] || : >"$target"
printf %s "$1" >/run/resolv.conf.of.this.machine
mount --bind /run/resolv.conf.of.this.machine "$target"
echo ready
exec cat >/dev/null`;

/** What a machine of the lab may have of its own. */
export interface MachineOptions {
  /** Content of its /etc/resolv.conf, empty when left out. It can be written in place, not renamed over, as in a container. */
  readonly resolvConf?: string;
  /** Whether it passes packets on. */
  readonly forward?: boolean;
}

/** The result of {@link Lab.ping}. */
export interface PingResult {
  readonly sent: number;
  readonly received: number;
  /** Answers that are missing before the last that came: what is still under way at the end is not lost. */
  readonly lost: number;
  /** Of the last answer, 0 without one: 64 straight from Linux, one less for each router. */
  readonly ttl: number;
}

/** What {@link Lab.pinging} started. */
export interface PingStream {
  /** How many have been answered so far. */
  answered(): number;
  stop(): Promise<PingResult>;
}

let labs = 0;

/**
 * Machines with cables, switches and NAT routers, made of network namespaces. Nothing of it shows in the root
 * namespace's network. It is gone after {@link Lab.destroy}, and also when its owner dies without calling that.
 */
export class Lab {
  readonly prefix = `nclab${process.pid}-${labs++}`;
  readonly #reaper: ChildProcess;
  readonly #holders = new Map<string, ChildProcessWithoutNullStreams>();
  readonly #processes: LabProcess[] = [];

  constructor() {
    sweep();
    this.#reaper = startReaper(this.prefix);
  }

  /** The namespace of `machine`, as `ip -n` wants it. */
  namespace(machine: string): string {
    return `${this.prefix}-${machine}`;
  }

  /** A machine without cables. */
  async machine(machine: string, options: MachineOptions = {}): Promise<void> {
    await execute('ip', ['netns', 'add', this.namespace(machine)]);
    const argv = ['netns', 'exec', this.namespace(machine), 'sh', '-c', HOLDER, 'sh', options.resolvConf ?? ''];
    const holder = spawn('ip', argv, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#holders.set(machine, holder);
    await saysReady(holder);
    await this.ip(machine, 'link set lo up');
    if (options.forward === true) await this.exec(machine, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  }

  /** A switch in `machine`, on which the machine itself has `address` ("203.0.113.1/24"). */
  async bridge(machine: string, device: string, address: string): Promise<void> {
    await this.ip(machine, `link add ${device} type bridge`);
    await this.ip(machine, `addr add ${address} dev ${device}`);
    await this.ip(machine, `link set ${device} up`);
  }

  /** A cable from `machine` to a switch of {@link bridge}. The default route goes to `gateway`, where given. */
  async plug(machine: string, to: { machine: string; bridge: string }, cable: { device?: string; address: string; gateway?: string }): Promise<void> {
    const device = cable.device ?? 'eth0';
    const port = `p${machine}${device}`.slice(0, 15);
    const ends = ['link', 'add', device, 'netns', this.namespace(machine), 'type', 'veth', 'peer', 'name', port, 'netns', this.namespace(to.machine)];
    await execute('ip', ends);
    await this.ip(to.machine, `link set ${port} master ${to.bridge} up`);
    await this.ip(machine, `addr add ${cable.address} dev ${device}`);
    await this.ip(machine, `link set ${device} up`);
    if (cable.gateway !== undefined) await this.ip(machine, `route add default via ${cable.gateway}`);
  }

  /** The public network 203.0.113.0/24: a machine `wan` that routes, .1 on its switch `br0`. */
  async wan(): Promise<void> {
    await this.machine('wan', { forward: true });
    await this.bridge('wan', 'br0', '203.0.113.1/24');
  }

  /** A machine with a public address, "203.0.113.10". */
  async host(machine: string, address: string, options: MachineOptions = {}): Promise<void> {
    await this.machine(machine, options);
    await this.plug(machine, { machine: 'wan', bridge: 'br0' }, { address: `${address}/24`, gateway: '203.0.113.1' });
  }

  /**
   * A router with the public address `address` and one inside network for each of `subnets`, "192.168.1" being 192.168.1.0/24 with
   * the router at .1. The host of a full cone is .2 of the first.
   */
  async router(machine: string, address: string, subnets: readonly string[], nat: NatKind): Promise<void> {
    await this.machine(machine, { forward: true });
    await this.plug(machine, { machine: 'wan', bridge: 'br0' }, { device: 'wan0', address: `${address}/24`, gateway: '203.0.113.1' });
    for (const [index, subnet] of subnets.entries()) {
      await this.bridge(machine, `lan${index}`, `${subnet}.1/24`);
      if (nat === 'none') await this.ip('wan', `route add ${subnet}.0/24 via ${address}`);
    }
    await this.nft(machine, natRules(nat, `${subnets[0] ?? ''}.2`));
  }

  /** A machine behind `router` in its inside network number `lan`, at `address` ("192.168.1.2"). */
  async behind(machine: string, router: string, address: string, options: MachineOptions & { lan?: number } = {}): Promise<void> {
    await this.machine(machine, options);
    const gateway = address.replace(/\d+$/, '1');
    await this.plug(machine, { machine: router, bridge: `lan${options.lan ?? 0}` }, { address: `${address}/24`, gateway });
  }

  /** Runs ip(8) for `machine` with the words of `command`. */
  async ip(machine: string, command: string): Promise<string> {
    return (await execute('ip', ['-n', this.namespace(machine), ...command.split(' ')])).stdout;
  }

  /** The ids of the processes on `machine` that run `program`. */
  async pids(machine: string, program: string): Promise<number[]> {
    const { stdout } = await execute('ip', ['netns', 'pids', this.namespace(machine)]);
    return stdout.split('\n').filter((pid) => pid !== '' && programOf(pid) === program).map(Number);
  }

  /** Loads nftables rules into `machine`, in nft(8)'s syntax. */
  async nft(machine: string, rules: string): Promise<void> {
    const loading = this.#enter(machine, ['nft', '-f', '-']);
    loading.child.stdin.end(rules);
    await loading.ended();
    if (loading.exitCode !== 0) throw new Error(`nft in ${machine}: ${loading.output()}`);
  }

  /**
   * The command line that runs `argv` on `machine`, for whoever spawns it himself. nsenter(1) executes the program in its
   * own place, so the child's pid is the program's.
   */
  commandOn(machine: string, argv: readonly string[], cwd = process.cwd()): string[] {
    const holder = this.#holders.get(machine)?.pid;
    if (holder === undefined) throw new Error(`the lab has no machine ${machine}`);
    return ['nsenter', `--net=/proc/${holder}/ns/net`, `--mount=/proc/${holder}/ns/mnt`, `--wdns=${cwd}`, '--', ...argv];
  }

  /** Runs a program on `machine` to its end. Rejects when it fails, like `execFile` of node:child_process. */
  async exec(machine: string, argv: readonly string[], options: { env?: Record<string, string>; cwd?: string; timeoutMs?: number } = {}): Promise<{ stdout: string; stderr: string }> {
    const env = { ...process.env, ...options.env };
    const [file, ...rest] = this.commandOn(machine, argv, options.cwd);
    return execute(file!, rest, { timeout: options.timeoutMs ?? 30_000, maxBuffer: 64 << 20, env });
  }

  /** Starts a program on `machine`; it is killed with the lab at the latest. */
  spawn(machine: string, argv: readonly string[], options: { env?: Record<string, string>; cwd?: string; name?: string } = {}): LabProcess {
    const started = this.#enter(machine, argv, options);
    this.#processes.push(started);
    return started;
  }

  /** Pings `address` from `machine`; an unreachable one gives no answers and no error. */
  async ping(machine: string, address: string, options: { count?: number; intervalSeconds?: number; waitSeconds?: number; payloadBytes?: number } = {}): Promise<PingResult> {
    const argv = ['ping', '-n', '-c', String(options.count ?? 1), '-i', String(options.intervalSeconds ?? 0.2), '-W', String(options.waitSeconds ?? 1)];
    if (options.payloadBytes !== undefined) argv.push('-M', 'do', '-s', String(options.payloadBytes));
    const ping = this.#enter(machine, [...argv, address]);
    await ping.ended();
    return parsePing(ping.output());
  }

  /** Pings all the time; `answered` counts the answers so far, `stop` gives the sum. */
  pinging(machine: string, address: string, intervalSeconds = 0.01): PingStream {
    const ping = this.spawn(machine, ['ping', '-n', '-i', String(intervalSeconds), address]);
    return {
      answered: () => answersIn(ping.output()).size,
      async stop() {
        await ping.stop('SIGINT');
        return parsePing(ping.output());
      },
    };
  }

  /** Captures on `device` of `machine` what matches `filter` (pcap-filter(7)); runs when the promise resolves. */
  async capture(machine: string, device: string, filter = ''): Promise<Capture> {
    const tcpdump = this.spawn(machine, ['tcpdump', '-i', device, '-U', '-w', '-', ...filter.split(' ').filter((word) => word !== '')]);
    const capture = new Capture(tcpdump);
    while (tcpdump.isRunning && !tcpdump.output().includes('listening on')) await new Promise((resolve) => setTimeout(resolve, 5));
    if (!tcpdump.isRunning) throw new Error(`tcpdump on ${machine}: ${tcpdump.output()}`);
    return capture;
  }

  /** What the started programs have said last, for a test that failed. */
  logs(): string {
    return this.#processes.map((each) => `--- ${each.name} (pid ${each.pid}, ${each.isRunning ? 'running' : 'ended'})\n${each.output().split('\n').slice(-25).join('\n')}`).join('\n');
  }

  /** Kills whatever runs in the lab and deletes it. */
  async destroy(): Promise<void> {
    const processes = [...this.#processes];
    deleteNamespaces(this.prefix);
    await Promise.all(processes.map((each) => each.ended()));
    this.#reaper.stdin?.end();
  }

  #enter(machine: string, argv: readonly string[], options: { env?: Record<string, string>; cwd?: string; name?: string } = {}): LabProcess {
    const [file, ...rest] = this.commandOn(machine, argv, options.cwd);
    const child = spawn(file!, rest, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...options.env } });
    return new LabProcess(options.name ?? `${machine}: ${argv.join(' ')}`, child);
  }
}

function saysReady(holder: ChildProcessWithoutNullStreams): Promise<void> {
  return new Promise((resolve, reject) => {
    let errors = '';
    holder.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    holder.stdout.once('data', () => resolve());
    holder.once('close', () => reject(new Error(`the machine did not come up: ${errors}`)));
  });
}

/** The name that the kernel keeps, cut to 15 characters; empty for a process that has ended meanwhile. @see proc(5) /proc/pid/comm */
function programOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

function parsePing(output: string): PingResult {
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(output) ?? [];
  const answers = answersIn(output);
  const lost = answers.size === 0 ? 0 : Math.max(...answers) - answers.size;
  return { sent: Number(sent ?? 0), received: Number(received ?? 0), lost, ttl: Number([...output.matchAll(/ttl=(\d+)/g)].at(-1)?.[1] ?? 0) };
}

/** The numbers of the pings that were answered; the first is 1. */
function answersIn(output: string): ReadonlySet<number> {
  return new Set([...output.matchAll(/icmp_seq=(\d+) ttl=/g)].map(([, number]) => Number(number)));
}
