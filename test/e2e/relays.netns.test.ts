import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { pathWord } from '../../src/client/path-kind.js';
import { INTERFACE, type LabAgent } from '../support/lab-agent.js';
import { LabController } from '../support/lab-controller.js';
import type { LabProcess } from '../support/lab-process.js';
import { aLab, describeLab } from '../support/lab-vitest.js';
import type { Lab } from '../support/lab.js';
import { secretsInMemory } from '../support/process-memory.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';

const LIMIT_MS = 400_000;
/** Ends a wait that would hang, sooner than the test itself is ended. */
const WAIT_MS = 120_000;
const TALK = Buffer.from('nobody in between reads this: 7f3a9c');

const PROGRAM = [process.execPath, '--import', 'tsx', 'src/server/main.ts'];

/** Nobody can tell how far this machine is. WireGuard's own packets pass. @see RFC 8489 §5 for the magic cookie */
const DROP_STUN = `table inet far {
  chain in {
    type filter hook input priority 0
    meta l4proto udp @th,96,32 0x2112a442 drop
  }
}
`;

describeLab('a relay beside the controller', () => {
  it('carries two nodes behind symmetric NATs without a key to what they say, comes back, and is left when it is gone', { timeout: LIMIT_MS }, async () => {
    const lab = aLab();
    await lab.wan();
    const controller = await LabController.start(lab);
    await lab.nft('ctl', DROP_STUN);
    const relay = await LabRelay.enrol(lab, controller, 'near', '203.0.113.30');
    relay.start();
    const [a, b] = await aPairBehindNats(lab, controller);
    await on('near', lab, a, b);

    const capture = await lab.capture('near', 'eth0', 'udp port 6441');
    await lab.exec(a.machine, ['bash', '-c', `for i in 1 2 3 4 5 6; do echo '${TALK.toString()}' >/dev/udp/${b.bindIp}/9; sleep 0.1; done`]);
    await until(() => capture.udpPayloads().length >= 12, 'packets in and out of the relay', WAIT_MS);
    expect(capture.udpPayloads().some((payload) => payload.includes(TALK))).toBe(false);
    const secrets = { 'a key': await privateKey(lab, a), 'another key': await privateKey(lab, b), 'what was said': TALK };
    expect(secretsInMemory(relay.process.pid, { ...secrets, "the relay's own key": relay.ownKey })).toEqual(["the relay's own key"]);

    // It stood still meanwhile, which is as good as dead.
    await on('near', lab, a, b);
    await relay.process.stop('SIGKILL');
    const killedAtMs = Date.now();
    await on('', lab, a, b);
    console.info(`relay killed: the pair is on the controller's after ${Date.now() - killedAtMs} ms`);
    relay.start();
    await on('near', lab, a, b);

    await controller.revokeRelay('near');
    await on('', lab, a, b);
    await relay.process.ended();
    expect(relay.process.output()).toContain('relay_unknown');
  });
});

/** Waits until two nodes see their path over that relay, empty for the controller's own, and reach each other. */
async function on(name: string, lab: Lab, a: LabAgent, b: LabAgent): Promise<void> {
  await until(async () => {
    const [there, back] = await Promise.all([relayOf(a, b), relayOf(b, a)]);
    return there === name && back === name && (await lab.ping(a.machine, b.bindIp)).received > 0;
  }, `the pair on relay "${name}"`, WAIT_MS);
}

/** The relay of the path to `peer`; undefined for another path. */
async function relayOf(node: LabAgent, peer: LabAgent): Promise<string | undefined> {
  const found = (await node.status()).peers.find(({ bindIp }) => bindIp === peer.bindIp);
  return found !== undefined && pathWord(found.path) === 'relay' ? found.relay : undefined;
}

async function privateKey(lab: Lab, node: LabAgent): Promise<Buffer> {
  return Buffer.from((await lab.exec(node.machine, ['wg', 'show', INTERFACE, 'private-key'])).stdout.trim(), 'base64');
}

async function aPairBehindNats(lab: Lab, controller: LabController): Promise<[LabAgent, LabAgent]> {
  await lab.router('ra', '203.0.113.21', ['192.168.1'], 'sym');
  await lab.router('rb', '203.0.113.22', ['192.168.2'], 'sym');
  await lab.behind('n1', 'ra', '192.168.1.2');
  await lab.behind('n2', 'rb', '192.168.2.2');
  const [a, b] = [await controller.join('n1'), await controller.join('n2')];
  await Promise.all([a.up(), b.up()]);
  return [a, b];
}

/** `nc-server --role relay` on a public machine of its own. */
class LabRelay {
  #process: LabProcess | undefined;

  private constructor(
    private readonly lab: Lab,
    private readonly name: string,
    private readonly folder: string,
  ) {}

  static async enrol(lab: Lab, controller: LabController, name: string, address: string): Promise<LabRelay> {
    await lab.host(name, address);
    const relay = new LabRelay(lab, name, tmpDir());
    writeFileSync(relay.#config, JSON.stringify({ server: { workDir: join(relay.folder, 'work') } }));
    const enrolling = lab.spawn(name, [...PROGRAM, '--config', relay.#config, 'enrol']);
    enrolling.child.stdin.end(await controller.relayJoin(name, `${address}:6441`));
    await enrolling.ended();
    expect(enrolling.output()).toContain('enrolled');
    return relay;
  }

  get process(): LabProcess {
    return this.#process!;
  }

  get ownKey(): Buffer {
    const { keys } = JSON.parse(readFileSync(join(this.folder, 'work', 'relay.json'), 'utf8')) as { keys: { wireguard: string } };
    return Buffer.from(keys.wireguard, 'base64');
  }

  start(): void {
    this.#process = this.lab.spawn(this.name, [...PROGRAM, '--config', this.#config, '--role', 'relay'], { name: 'relay' });
  }

  get #config(): string {
    return join(this.folder, 'relay.yml');
  }
}
