import { expect, it, onTestFinished } from 'vitest';
import { capabilities } from '../support/lab-capabilities.js';
import { LabController } from '../support/lab-controller.js';
import type { NatKind } from '../support/lab-nat.js';
import { INTERFACE, type LabAgent } from '../support/lab-agent.js';
import { aLab, describeLab } from '../support/lab-vitest.js';
import type { Lab } from '../support/lab.js';
import { TimedPings } from '../support/timed-pings.js';
import { until } from '../support/until.js';

/** Several agents and a controller start on one busy machine. */
const LIMIT_MS = 300_000;

describeLab('a pair of real agents', () => {
  it('talks again whatever is killed, deleted, moved or cut off', { timeout: LIMIT_MS }, async () => {
    const { lab, n1, n2 } = await aPair('cone', 'cone');
    await direct(n1, n2);
    const pings = await answeredPings(lab, n2, n1);
    const told: string[] = [];
    onTestFinished(() => console.log(`pings 100 a second; the longest time without an answer\n${told.join('\n')}`));
    const suffer = async (what: string, harm: () => Promise<void>, healed: () => Promise<unknown>): Promise<void> => {
      const sinceMs = Date.now();
      await harm();
      await healed();
      const before = pings.received;
      await until(() => pings.received > before + 20, `answers after ${what}`, 60_000);
      told.push(`${what.padEnd(34)} ${pings.longestSilenceMs(sinceMs)} ms, ${pings.lost(sinceMs)} lost`);
    };
    const made = () => n1.logged('interface made').length;
    const remade = (than: number) => until(() => made() > than, 'the interface to be made again', 60_000);

    // The next agent takes the running interface over.
    await suffer('kill -9 of the agent', () => n1.kill(), () => n1.up());
    const first = made();
    if (!capabilities().kernelWireGuard) {
      await suffer('kill -9 of wireguard-go', () => killAll(lab, n1, 'wireguard-go'), () => remade(first));
    }
    const second = made();
    await suffer(`ip link del ${INTERFACE}`, async () => void (await lab.ip('n1', `link del ${INTERFACE}`)), () => remade(second));
    await direct(n1, n2);
    await suffer('another address underneath', () => moveInside(lab), () => Promise.resolve());
    await direct(n1, n2);
    await suffer('direct path cut off', () => cutOff(lab), () => onRelay(n1, n2));
    await lab.nft('ra', 'flush chain inet filter blocked');
    await moveBack(lab);

    await direct(n1, n2);
    expect(told.length).toBeGreaterThanOrEqual(4);
  });

  it('talks again through a relay that was killed and started anew', { timeout: LIMIT_MS }, async () => {
    const { lab, controller, n1, n2 } = await aPair('sym', 'sym');
    await onRelay(n1, n2);
    const pings = await answeredPings(lab, n2, n1);

    await controller.killServer();
    const silent = pings.received;
    await controller.startServer();
    const servesMs = Date.now();
    await until(() => pings.received > silent + 20, 'answers through the new relay', 60_000);

    console.log(`relay restarted: first answer ${Math.round((pings.firstAnswerMs(servesMs) ?? NaN) - servesMs)} ms after it serves`);
    expect(await n1.path(n2)).toMatchObject({ kind: 'relay' });
  });

  it('loses nothing while the controller is away, and takes in a machine that was started anew meanwhile', { timeout: LIMIT_MS }, async () => {
    const { lab, controller, n1, n2 } = await aPair('cone', 'cone');
    await lab.host('n3', '203.0.113.33');
    const n3 = await controller.join('n3');
    await n3.up();
    for (const [a, b] of [[n1, n2], [n1, n3], [n2, n3]] as const) await direct(a, b);
    const pings = await answeredPings(lab, n2, n3);
    const sinceMs = Date.now();
    // What it learnt in the last seconds before it loses its power stays unwritten.
    await until(() => n1.rememberedEndpoints === 2, 'n1 to write down where the others are');

    await controller.killServer();
    // Nobody says goodbye when a machine loses its power.
    await n1.kill();
    await killAll(lab, n1, 'wireguard-go');
    await lab.ip('n1', `link del ${INTERFACE}`).catch(() => '');
    n1.start();

    for (const peer of [n2, n3]) await until(async () => (await lab.ping('n1', peer.bindIp)).received > 0, `${peer.machine} to answer`, 60_000);
    expect(await n1.status()).toMatchObject({ control: expect.not.stringMatching('connected') });
    await until(() => pings.received > 300, 'some seconds of pings');
    expect(pings.lost(sinceMs)).toBe(0);
  });

  it('leaves nothing behind on a machine that it ends on', { timeout: LIMIT_MS }, async () => {
    const lab = aLab();
    await lab.wan();
    const controller = await LabController.start(lab);
    await lab.host('n1', '203.0.113.11', { resolvConf: 'nameserver 203.0.113.1\nsearch example\n' });
    const n1 = await controller.join('n1');
    // A new address is on trial for a second or two. @see RFC 4862 §5.4
    await until(async () => !(await lab.ip('n1', 'address')).includes('tentative'), 'the addresses of n1 to be settled');
    const before = await everythingOf(lab, 'n1');

    await n1.up();
    const meanwhile = await everythingOf(lab, 'n1');
    await n1.down();

    expect(meanwhile).not.toEqual(before);
    expect(await everythingOf(lab, 'n1')).toEqual(before);
  });

  it('is direct over IPv6 where there is nothing else', { timeout: LIMIT_MS }, async () => {
    const lab = aLab();
    await lab.wan();
    const controller = await LabController.start(lab, { ip: ['2001:db8::10', '203.0.113.10'], bindAddress: '::' });
    await lab.ip('ctl', 'addr add 2001:db8::10/64 dev eth0 nodad');
    const nodes: LabAgent[] = [];
    for (const n of [1, 2]) {
      await lab.host(`n${n}`, `203.0.113.${10 + n}`);
      await lab.ip(`n${n}`, `addr add 2001:db8::${10 + n}/64 dev eth0 nodad`);
      nodes.push(await controller.join(`n${n}`));
      await lab.ip(`n${n}`, `addr del 203.0.113.${10 + n}/24 dev eth0`);
    }
    const [n1, n2] = nodes as [LabAgent, LabAgent];

    await Promise.all(nodes.map((node) => node.up()));
    await direct(n1, n2);

    expect(await n1.path(n2)).toMatchObject({ endpoint: expect.stringMatching(/^\[2001:db8::12\]:\d+$/) });
    expect(await lab.ping('n1', n2.bindIp, { count: 3 })).toMatchObject({ received: 3 });
  });

  it('is direct between symmetric NATs over a port that somebody forwards', { timeout: LIMIT_MS }, async () => {
    const { lab, n1, n2 } = await aPair('sym', 'sym', { listenPort: 5000, endpoints: ['203.0.113.21:5000'] }, async (raised) => {
      await raised.nft('ra', 'add rule ip nat before iifname "wan0" udp dport 5000 dnat to 192.168.1.2');
    });

    await direct(n1, n2);

    expect(await n2.path(n1)).toMatchObject({ endpoint: '203.0.113.21:5000' });
    expect(await lab.ping('n1', n2.bindIp, { count: 3 })).toMatchObject({ received: 3 });
  });
});

interface Pair {
  readonly lab: Lab;
  readonly controller: LabController;
  readonly n1: LabAgent;
  readonly n2: LabAgent;
}

/** n1 and n2 behind a router each, their agents up. */
async function aPair(a: NatKind, b: NatKind, settings: Record<string, unknown> = {}, prepare: (lab: Lab) => Promise<void> = () => Promise.resolve()): Promise<Pair> {
  const lab = aLab();
  await lab.wan();
  const controller = await LabController.start(lab);
  await lab.router('ra', '203.0.113.21', ['192.168.1'], a);
  await lab.router('rb', '203.0.113.22', ['192.168.2'], b);
  await lab.behind('n1', 'ra', '192.168.1.2');
  await lab.behind('n2', 'rb', '192.168.2.2');
  await prepare(lab);
  const [n1, n2] = [await controller.join('n1', settings), await controller.join('n2')];
  await Promise.all([n1.up(), n2.up()]);
  return { lab, controller, n1, n2 };
}

async function direct(a: LabAgent, b: LabAgent): Promise<void> {
  await both(a, b, 'direct');
}

async function onRelay(a: LabAgent, b: LabAgent): Promise<void> {
  await both(a, b, 'relay');
}

async function both(a: LabAgent, b: LabAgent, kind: string): Promise<void> {
  const is = async (from: LabAgent, to: LabAgent) => (await from.path(to).catch(() => undefined))?.kind === kind;
  await until(async () => (await is(a, b)) && is(b, a), `${a.machine} and ${b.machine} to be ${kind}`, 90_000);
}

/** A stream of pings of which the first have been answered. */
async function answeredPings(lab: Lab, from: LabAgent, to: LabAgent): Promise<TimedPings> {
  const pings = TimedPings.start(lab, from.machine, INTERFACE, to.bindIp);
  await until(() => pings.received > 10, 'the first answers', 60_000);
  return pings;
}

async function killAll(lab: Lab, { machine }: LabAgent, program: string): Promise<void> {
  for (const pid of await lab.pids(machine, program)) process.kill(pid, 'SIGKILL');
}

/** Gives n1 another address behind its router, as another lease of DHCP does. */
async function moveInside(lab: Lab): Promise<void> {
  await lab.ip('n1', 'addr add 192.168.1.77/24 dev eth0');
  await lab.ip('n1', 'addr del 192.168.1.2/24 dev eth0');
  await lab.ip('n1', 'addr add 192.168.1.77/24 dev eth0').catch(() => '');
  await lab.ip('n1', 'route replace default via 192.168.1.1');
}

async function moveBack(lab: Lab): Promise<void> {
  await lab.ip('n1', 'addr add 192.168.1.2/24 dev eth0');
}

async function cutOff(lab: Lab): Promise<void> {
  await lab.nft('ra', 'add rule inet filter blocked ip daddr 203.0.113.22 drop\nadd rule inet filter blocked ip saddr 203.0.113.22 drop');
}

/** What a machine shows of its network and its files in /run, word for word. */
async function everythingOf(lab: Lab, machine: string): Promise<Record<string, string>> {
  const commands = {
    ip: 'ip -d link; ip addr; ip rule; ip route show table all; ip -6 route show table all',
    nft: 'nft list ruleset',
    resolv: 'cat /etc/resolv.conf',
    run: 'find /run -printf "%p %y %m %u %g %s\\n" | sort',
  };
  const shown = await Promise.all(Object.entries(commands).map(async ([name, command]) => [name, (await lab.exec(machine, ['sh', '-c', command])).stdout] as const));
  return Object.fromEntries(shown);
}
