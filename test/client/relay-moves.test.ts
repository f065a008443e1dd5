import { expect, it, onTestFinished } from 'vitest';
import { startPaths } from '../../src/client/paths.js';
import type { Paths } from '../../src/client/path-types.js';
import { planDevice } from '../../src/client/plan.js';
import { PeerSignal, PeerSignal_Kind } from '../../src/gen/networkcontroller/v1/node.js';
import { NetworkConfig, Peer, type Relay } from '../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../src/platform/log.js';
import { parseWireGuardKey } from '../../src/platform/wireguard/keys.js';
import { RecordedDevice } from '../../src/platform/wireguard/recorded-device.js';
import { ManualClock } from '../support/clock.js';
import { someKeys } from '../support/lab-device.js';

const CONTROLLER = '203.0.113.10:6441';
const PARIS = '203.0.113.30:6441';
const FAR_US = 80_000;
const NEAR_US = 5000;
const BOTH = [{ name: '', rttUs: FAR_US }, { name: 'paris', rttUs: NEAR_US }];

it('the end that begins moves to the relay that is nearest to both, with a session of its own', async () => {
  const world = await aWorld('initiator');

  await world.hear(BOTH);
  await world.pass(15_000);

  expect(world.moves()).toEqual([{ endpoint: PARIS, fresh: true }]);
  expect([world.paths.relayAt(PARIS), world.paths.relayAt(CONTROLLER)]).toEqual(['paris', '']);
  expect(world.paths.paths()[0]).toMatchObject({ kind: 'relay', endpoint: PARIS });
});

it('nobody moves to a relay that the other end has not named', async () => {
  const world = await aWorld('initiator');

  await world.pass(15_000);
  await world.hear([{ name: '', rttUs: FAR_US }]);
  await world.pass(15_000);

  expect(world.moves()).toEqual([]);
});

it('nobody moves to a relay that answers STUN and does not know this node', async () => {
  const world = await aWorld('initiator');
  world.alive = false;

  await world.hear(BOTH);
  await world.pass(30_000);

  expect(world.moves()).toEqual([]);
});

it('the end that only answers does not choose, and tells the other how far it is from the relays', async () => {
  const world = await aWorld('responder');
  world.paths.connected();

  await world.hear(BOTH);
  await world.pass(15_000);

  expect(world.moves()).toEqual([]);
  expect(world.told()).toContainEqual({ name: 'paris', rttUs: NEAR_US });
});

it.each(['initiator', 'responder'] as const)('the %s leaves a relay that is dead for that of the controller, within seconds', async (role) => {
  const world = await aWorld(role);
  await world.hear(BOTH);
  await world.pass(15_000);
  world.session(PARIS);
  await world.pass(3000);

  world.alive = false;
  await world.pass(9000);

  expect(world.moves().at(-1)).toEqual({ endpoint: CONTROLLER, fresh: true });
});

it('makes a new session with a relay that has forgotten this node, and comes back to it', async () => {
  const world = await aWorld('initiator');
  await world.hear(BOTH);
  await world.pass(15_000);
  world.alive = false;
  await world.pass(9000);

  world.alive = true;
  await world.pass(40_000);

  expect(world.renewals).toBeGreaterThan(0);
  expect(world.moves().map(({ endpoint }) => endpoint)).toEqual([PARIS, CONTROLLER, PARIS]);
});

it('leaves a relay that has left the map, although its endpoint looks like a direct one then', async () => {
  const world = await aWorld('initiator');
  await world.hear(BOTH);
  await world.pass(15_000);

  await world.setRelays([]);
  await world.pass(9000);

  expect(world.moves().at(-1)).toEqual({ endpoint: CONTROLLER, fresh: true });
});

it('goes back from a relay over which no session comes about, and tries it again later', async () => {
  const world = await aWorld('initiator');
  world.passesOn = false;

  await world.hear(BOTH);
  await world.pass(30_000);

  expect(world.moves().map(({ endpoint }) => endpoint)).toEqual([PARIS, CONTROLLER]);
  await world.pass(70_000);
  expect(world.moves().map(({ endpoint }) => endpoint)).toContain(PARIS);
});

it('measures nothing where there is no relay to choose', async () => {
  const world = await aWorld('initiator', []);

  await world.pass(60_000);

  expect([world.measured, world.moves()]).toEqual([0, []]);
});

/** A node with one peer, both on the controller's relay, and relay paris, which answers as long as it is alive. */
class World {
  readonly clock = new ManualClock();
  readonly device = new RecordedDevice();
  readonly paris = someKeys();
  readonly paths: Paths;
  alive = true;
  /** Whether a session comes about over paris. */
  passesOn = true;
  measured = 0;
  renewals = 0;
  readonly #sent: PeerSignal[] = [];
  readonly #controller = someKeys();
  #answered = 0;
  #steered = 0;
  #rxBytes = 0;

  constructor(
    readonly self: ReturnType<typeof someKeys>,
    readonly peer: ReturnType<typeof someKeys>,
  ) {
    this.paths = startPaths({
      device: this.device,
      clock: this.clock,
      log: silentLog,
      self: { publicKey: self.publicKey, candidates: () => [] },
      probeNat: () => Promise.resolve({ symmetric: true, portRestricted: true }),
      measureRtt: (endpoint) => {
        this.measured++;
        return Promise.resolve(endpoint === PARIS ? NEAR_US : FAR_US);
      },
      send: (signals) => Promise.resolve(void this.#sent.push(...signals)).then(() => []),
      remember: () => {},
    });
  }

  get relay(): Relay {
    return { name: 'paris', wgPublicKey: parseWireGuardKey(this.paris.publicKey), certificate: Buffer.alloc(0), endpoints: [PARIS] };
  }

  async setRelays(relays: readonly Relay[]): Promise<void> {
    const controller = { wgPublicKey: parseWireGuardKey(this.#controller.publicKey), bindIp: '10.66.0.1', endpoints: [CONTROLLER] };
    const network = NetworkConfig.fromPartial({ name: 'default', cidr: '10.66.0.0/24', mtu: 1280, interconnection: true, controller });
    const peers = [Peer.fromPartial({ nodeId: 'peer', bindIp: '10.66.0.9', wgPublicKey: parseWireGuardKey(this.peer.publicKey) })];
    await this.device.set(planDevice({ self: { ...this.self, bindIp: '10.66.0.5', bindIp6: '', listenPort: 0, mtu: 0 }, network, peers, routers: [], relays }));
    this.device.notice(this.#controller.publicKey, { latestHandshakeMs: this.clock.now() });
    this.paths.setPeers(peers, network.controller, relays);
  }

  session(endpoint: string): void {
    this.device.notice(this.peer.publicKey, { endpoint, latestHandshakeMs: this.clock.now(), rxBytes: 200, txBytes: 200 });
  }

  async hear(relays: readonly { name: string; rttUs: number }[]): Promise<void> {
    this.paths.receive(PeerSignal.fromPartial({ nodeId: 'peer', kind: PeerSignal_Kind.KIND_RELAYS, relays: [...relays] }));
    await this.pass(0);
  }

  async pass(ms: number): Promise<void> {
    for (const endMs = this.clock.now() + ms; ; this.clock.advance(Math.min(250, endMs - this.clock.now()))) {
      await this.paths.observe();
      this.#answer();
      if (this.clock.now() >= endMs) return;
    }
  }

  moves(): { endpoint: string; fresh: boolean }[] {
    return this.device.steers.filter(({ publicKey }) => publicKey === this.peer.publicKey).map(({ endpoint, fresh }) => ({ endpoint, fresh }));
  }

  told(): PeerSignal['relays'] {
    return this.#sent.flatMap(({ relays }) => relays);
  }

  /** What WireGuard would see of paris and, after a move, of the peer. */
  #answer(): void {
    const latestHandshakeMs = this.clock.now();
    const asked = this.device.nudges.filter((key) => key === this.paris.publicKey).length;
    for (const { publicKey, endpoint } of this.device.steers.slice(this.#steered)) {
      if (publicKey === this.paris.publicKey) {
        this.renewals++;
        if (this.alive) this.device.notice(publicKey, { latestHandshakeMs, rxBytes: (this.#rxBytes += 92) });
      } else if (endpoint === CONTROLLER || this.passesOn) this.session(endpoint);
      else this.device.notice(publicKey, { endpoint, latestHandshakeMs: 0 });
    }
    this.#steered = this.device.steers.length;
    if (asked > this.#answered && this.alive) this.device.notice(this.paris.publicKey, { latestHandshakeMs, rxBytes: (this.#rxBytes += 32) });
    this.#answered = asked;
  }
}

async function aWorld(role: 'initiator' | 'responder', relays?: readonly Relay[]): Promise<World> {
  const [smaller, larger] = [someKeys(), someKeys()].sort((x, y) => (x.publicKey < y.publicKey ? -1 : 1)) as [ReturnType<typeof someKeys>, ReturnType<typeof someKeys>];
  const world = new World(...(role === 'initiator' ? ([smaller, larger] as const) : ([larger, smaller] as const)));
  onTestFinished(() => world.paths.stop());
  await world.setRelays(relays ?? [world.relay]);
  world.device.notice(world.paris.publicKey, { latestHandshakeMs: world.clock.now() });
  world.session(CONTROLLER);
  await world.pass(1000);
  return world;
}
