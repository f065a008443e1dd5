import { describe, expect, it } from 'vitest';
import type { NatFindings } from '../../src/client/nat-kind.js';
import { startPaths } from '../../src/client/paths.js';
import type { Paths } from '../../src/client/path-types.js';
import { planDevice } from '../../src/client/plan.js';
import { PeerSignal_Kind, type PeerSignal } from '../../src/gen/networkcontroller/v1/node.js';
import { Endpoint_Kind, NetworkConfig, Peer } from '../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../src/platform/log.js';
import { parseWireGuardKey } from '../../src/platform/wireguard/keys.js';
import { RecordedDevice } from '../../src/platform/wireguard/recorded-device.js';
import { ManualClock } from '../support/clock.js';
import { someKeys, type Keys } from '../support/lab-device.js';

const { KIND_HELLO, KIND_OFFER, KIND_ANSWER, KIND_PROBE } = PeerSignal_Kind;
const RELAY = '203.0.113.10:6441';
const PROBE = '203.0.113.10:6442';
const DIRECT = '203.0.113.22:4000';

describe('what is not believed', () => {
  it('a signal of a node that is not in the map', async () => {
    const world = await aWorld('responder');
    world.session('relay');
    await world.connect();

    await world.receive({ nodeId: 'stranger', kind: KIND_OFFER });

    expect(world.signals(KIND_ANSWER)).toEqual([]);
  });

  it('an answer to an attempt that is not being made', async () => {
    const world = await aWorld('initiator');
    await world.connect();
    const [offer] = world.signals(KIND_OFFER);

    await world.receive({ kind: KIND_ANSWER, attempt: offer!.attempt - 1 });
    await world.receive({ kind: KIND_OFFER, attempt: 5 });

    expect(world.steersOf('peer')).toEqual([]);
    expect(world.signals(KIND_ANSWER)).toEqual([]);
  });

  it('silence after nothing but keepalives', async () => {
    const world = await aDirectPair();

    world.device.notice(world.peer.publicKey, { txBytes: 264 });
    await world.pass(24_000);

    expect(world.signals(KIND_PROBE)).toEqual([]);
    expect(world.kind()).toBe('direct');
  });
});

describe('a pair that begins', () => {
  it('waits for the answer before it leaves the relay, and for a session before it punches', async () => {
    const world = await aWorld('initiator');
    await world.connect();
    const [offer] = world.signals(KIND_OFFER);
    expect(world.steersOf('peer')).toEqual([]);

    await world.receive({ kind: KIND_ANSWER, attempt: offer!.attempt });
    await world.pass(200);
    expect(world.steersOf('peer')).toEqual([{ endpoint: RELAY, fresh: true }]);

    world.session('relay');
    await world.pass(20);
    expect(world.steersOf('peer').at(-1)).toEqual({ endpoint: DIRECT, fresh: false });
    expect(world.kind()).toBe('relay');
  });

  it('greets as the responder, answers, and punches too', async () => {
    const world = await aWorld('responder');
    await world.connect();
    expect(world.signals().map(({ kind }) => kind)).toEqual([KIND_HELLO]);

    await world.receive({ kind: KIND_OFFER, attempt: 77 });
    expect(world.signals(KIND_ANSWER)).toMatchObject([{ nodeId: 'peer', attempt: 77 }]);
    expect(world.steersOf('peer')).toEqual([]);

    world.session('relay');
    await world.pass(380);
    expect(world.steersOf('peer')).toEqual([]);
    await world.pass(20);
    expect(world.steersOf('peer')).toEqual([{ endpoint: DIRECT, fresh: false }]);
  });

  it('has opened its NAT for the other side before that hears of it', async () => {
    const world = await aWorld('responder');
    world.session('relay');
    await world.connect();

    await world.receive({ kind: KIND_OFFER, attempt: 7 });

    expect(world.openedAtAnswer).toEqual([[DIRECT]]);
    expect(world.steersOf('peer')).toEqual([]);
  });

  it('answers although its NAT could not be opened', async () => {
    const world = await aWorld('responder');
    world.device.open = () => Promise.reject(new Error('the interface is gone'));
    await world.connect();

    await world.receive({ kind: KIND_OFFER, attempt: 7 });

    expect(world.signals(KIND_ANSWER)).toHaveLength(1);
  });

  it('is direct when it hears the peer, and remembers where', async () => {
    const world = await aDirectPair();

    expect(world.kind()).toBe('direct');
    expect(world.remembered).toEqual([['peer', DIRECT]]);
    expect(world.changes.map(({ kind }) => kind)).toEqual(['none', 'relay', 'direct']);
    expect(world.device.nudges.at(-1)).toBe(world.peer.publicKey);
  });

  it('rolls back to the relay when nothing is heard, and tries less and less often', async () => {
    const world = await aWorld('initiator');
    world.session('relay');
    await world.connect();
    const attempt = async () => {
      await world.receive({ kind: KIND_ANSWER, attempt: world.signals(KIND_OFFER).at(-1)!.attempt });
      await world.pass(700);
    };

    await attempt();
    expect(world.steersOf('peer').slice(-2)).toEqual([{ endpoint: DIRECT, fresh: false }, { endpoint: RELAY, fresh: false }]);
    await world.pass(3000);
    expect(world.signals(KIND_OFFER)).toHaveLength(2);
    await attempt();
    await world.pass(8000);
    expect(world.signals(KIND_OFFER)).toHaveLength(2);
    await world.pass(3000);
    expect(world.signals(KIND_OFFER)).toHaveLength(3);
    await attempt();
    world.session('relay');
    await world.pass(50_000);
    expect(world.signals(KIND_OFFER)).toHaveLength(3);
    await world.pass(12_000);
    expect(world.signals(KIND_OFFER)).toHaveLength(4);
  });

  it('tries at once when the network has changed', async () => {
    const world = await aWorld('initiator');
    world.session('relay');
    await world.connect();
    await world.receive({ kind: KIND_ANSWER, attempt: world.signals(KIND_OFFER).at(-1)!.attempt });
    await world.pass(700);

    world.paths.networkChanged({ moved: false });
    await world.pass(20);

    expect(world.signals(KIND_OFFER)).toHaveLength(2);
  });

  it('asks a peer that is away only when that greets', async () => {
    const world = await aWorld('initiator', { undelivered: ['peer'] });
    await world.connect();
    await world.pass(60_000);
    expect(world.signals(KIND_OFFER)).toHaveLength(1);

    await world.receive({ kind: KIND_HELLO });

    expect(world.signals(KIND_OFFER)).toHaveLength(2);
  });

  it('makes a new session for a peer that greets, even if the old one seems alive', async () => {
    const world = await aDirectPair();

    await world.receive({ kind: KIND_HELLO });
    await world.receive({ kind: KIND_ANSWER, attempt: world.signals(KIND_OFFER).at(-1)!.attempt, hasSession: false });

    expect(world.steersOf('peer').at(-1)).toEqual({ endpoint: RELAY, fresh: true });
  });

  it('keeps the session that both have, whoever has greeted whom and whichever answer came too late', async () => {
    const world = await aWorld('initiator');
    world.session('relay');
    await world.connect();
    await world.pass(6000);

    await world.receive({ kind: KIND_HELLO });
    await world.receive({ kind: KIND_ANSWER, attempt: world.signals(KIND_OFFER).at(-1)!.attempt });

    expect(world.signals(KIND_OFFER).at(-1)).toMatchObject({ hasSession: true });
    expect(world.steersOf('peer')).toEqual([{ endpoint: DIRECT, fresh: false }]);
  });

  it('is spared the attempt when both NATs are symmetric', async () => {
    const world = await aWorld('responder', { nat: { symmetric: true } });
    world.session('relay');
    await world.connect();

    await world.receive({ kind: KIND_OFFER, attempt: 1, symmetricNat: true });
    await world.pass(1000);

    expect(world.signals(KIND_ANSWER)).toMatchObject([{ symmetricNat: true }]);
    expect(world.steersOf('peer')).toEqual([]);
    expect(world.device.opened).toEqual([]);
  });

  it.each([
    ['ours is symmetric and the peer\'s restricts ports', { symmetric: true }, { portRestrictedNat: true }],
    ['the peer\'s is symmetric and ours restricts ports', { portRestricted: true }, { symmetricNat: true }],
  ] as const)('is spared it when %s', async (_what, nat, theirs) => {
    const world = await aWorld('responder', { nat });
    world.session('relay');
    await world.connect();

    await world.receive({ kind: KIND_OFFER, attempt: 1, ...theirs });
    await world.pass(3000);

    expect(world.signals(KIND_ANSWER)).toMatchObject([{ portRestrictedNat: 'portRestricted' in nat }]);
    expect(world.steersOf('peer')).toEqual([]);
    expect(world.device.opened).toEqual([]);
  });

  it('is made by the one behind the symmetric NAT, at once, when the other is open to all', async () => {
    const world = await aWorld('responder', { nat: { symmetric: true } });
    world.session('relay');
    await world.connect();

    await world.receive({ kind: KIND_OFFER, attempt: 1 });
    await world.pass(20);

    expect(world.steersOf('peer')).toEqual([{ endpoint: DIRECT, fresh: false }]);
  });

});

describe('among hundreds of peers', () => {
  const MANY = 300;

  it('twenty at most are offered to at a time, and each has its turn', async () => {
    const world = await aWorld('initiator', { morePeers: MANY });
    await world.connect();
    expect(world.signals(KIND_OFFER)).toHaveLength(20);

    await world.pass(2500);
    expect(world.signals(KIND_OFFER)).toHaveLength(20);
    await world.passSeconds(60);

    const offeredTo = new Set(world.signals(KIND_OFFER).map(({ nodeId }) => nodeId));
    expect(offeredTo.size + world.signals(KIND_HELLO).length).toBe(MANY + 1);
  });

  it('forty at most are tried at a time, whoever began', async () => {
    const world = await aWorld('responder', { morePeers: MANY });
    await world.connect();

    for (const { nodeId } of world.peers) await world.receive({ nodeId, kind: KIND_OFFER, attempt: 1 });
    expect(world.signals(KIND_ANSWER).length).toBe(40 - world.signals(KIND_OFFER).length);

    // Those attempts end without a session; whoever offers again then is answered.
    await world.passSeconds(5);
    const refused = world.peers.filter(({ nodeId }) => !world.signals(KIND_ANSWER).some((answer) => answer.nodeId === nodeId));
    const before = world.signals(KIND_ANSWER).length;
    for (const { nodeId } of refused) await world.receive({ nodeId, kind: KIND_OFFER, attempt: 2 });
    expect(world.signals(KIND_ANSWER).length).toBeGreaterThan(before);
  });

  it('another network is a reason to try all again, twenty at a time', async () => {
    const world = await aWorld('initiator', { morePeers: MANY });
    await world.connect();
    await world.passSeconds(60);
    const before = world.signals(KIND_OFFER).length;

    world.paths.networkChanged({ moved: true });
    await world.pass(20);

    expect(world.signals(KIND_OFFER).length - before).toBeLessThanOrEqual(20);
    await world.passSeconds(60);
    expect(new Set(world.signals(KIND_OFFER).slice(before).map(({ nodeId }) => nodeId))).toEqual(new Set(world.signals(KIND_OFFER).slice(0, before).map(({ nodeId }) => nodeId)));
  });
});

describe('a pair of which one side is finding out about its NAT', () => {
  const UNANSWERED = { symmetric: undefined, portRestricted: undefined };

  it('gets its session, stays on the relay, and punches when the peer greets again', async () => {
    const world = await aWorld('initiator');
    world.session('relay');
    await world.connect();

    await world.receive({ kind: KIND_ANSWER, attempt: world.signals(KIND_OFFER).at(-1)!.attempt, natUnknown: true });
    await world.pass(1000);
    expect(world.steersOf('peer')).toEqual([]);
    expect(world.device.opened).toEqual([]);

    await world.receive({ kind: KIND_HELLO });
    await world.receive({ kind: KIND_ANSWER, attempt: world.signals(KIND_OFFER).at(-1)!.attempt });
    expect(world.steersOf('peer')).toEqual([{ endpoint: DIRECT, fresh: false }]);
  });

  it('is offered to again after a while when the greeting got lost', async () => {
    const world = await aWorld('initiator');
    world.session('relay');
    await world.connect();
    await world.receive({ kind: KIND_ANSWER, attempt: world.signals(KIND_OFFER).at(-1)!.attempt, natUnknown: true });

    await world.pass(4000);

    expect(world.signals(KIND_OFFER)).toHaveLength(2);
  });

  it('says so instead of being silent, greets when it knows, and is spared the attempt that loses packets', async () => {
    let answer: (nat: NatFindings) => void = () => {};
    const world = await aWorld('responder', { probes: () => new Promise((resolve) => (answer = resolve)) });
    world.session('relay');
    await world.connect();
    await world.pass(500);
    expect(world.signals().map(({ kind }) => kind)).toEqual([KIND_HELLO]);

    await world.receive({ kind: KIND_OFFER, attempt: 1, portRestrictedNat: true });
    await world.pass(1000);
    expect(world.signals(KIND_ANSWER)).toMatchObject([{ natUnknown: true }]);

    answer({ symmetric: true, portRestricted: true });
    await world.pass(100);
    expect(world.signals().at(-1)).toMatchObject({ kind: KIND_HELLO, natUnknown: false });
    await world.receive({ kind: KIND_OFFER, attempt: 2, portRestrictedNat: true });
    await world.pass(3000);
    expect(world.signals(KIND_ANSWER).at(-1)).toMatchObject({ natUnknown: false, symmetricNat: true });
    expect([world.device.opened, world.steersOf('peer')]).toEqual([[], []]);
  });

  it('asks once more while no answer comes, and is tried after three seconds without one', async () => {
    let asked = 0;
    const world = await aWorld('initiator', { probes: () => Promise.resolve((asked++, UNANSWERED)) });
    world.session('relay');
    await world.connect();
    await world.pass(500);
    await world.receive({ kind: KIND_ANSWER, attempt: world.signals(KIND_OFFER).at(-1)!.attempt });
    await world.pass(2000);
    expect(world.signals(KIND_OFFER)).toMatchObject([{ natUnknown: true }]);

    await world.pass(1000);

    expect(asked).toBeGreaterThan(5);
    expect(world.signals(KIND_OFFER)).toMatchObject([{ natUnknown: true }, { natUnknown: false }]);
    await world.receive({ kind: KIND_ANSWER, attempt: world.signals(KIND_OFFER).at(-1)!.attempt });
    expect(world.steersOf('peer')).toEqual([{ endpoint: DIRECT, fresh: false }]);
  });
});

describe('a direct path', () => {
  it('is used at once from a new address, and so is the way to the relay', async () => {
    const world = await aDirectPair();

    world.paths.networkChanged({ moved: false });
    await world.pass(20);

    expect(world.steersOf('controller').at(-1)).toEqual({ endpoint: RELAY, fresh: false });
    expect(world.steersOf('peer').at(-1)).toEqual({ endpoint: DIRECT, fresh: false });
    expect(world.kind()).toBe('direct');
  });

  it('must answer a handshake when this machine has moved, or is left for the relay at once', async () => {
    const world = await aDirectPair();

    world.paths.networkChanged({ moved: true });
    await world.pass(20);
    expect(world.steersOf('peer').at(-1)).toEqual({ endpoint: DIRECT, fresh: true });
    await world.pass(800);

    expect(world.steersOf('peer').at(-1)).toEqual({ endpoint: RELAY, fresh: true });
  });

  it('stays when the peer answers from where this machine has moved to', async () => {
    const world = await aDirectPair();

    world.paths.networkChanged({ moved: true });
    await world.pass(20);
    world.session(DIRECT);
    await world.pass(2000);

    expect(world.kind()).toBe('direct');
    expect(world.steersOf('peer').at(-1)).toEqual({ endpoint: DIRECT, fresh: true });
  });

  // WireGuard renews the session of a pair by itself, without the controller; ten minutes of it are ten of the injected clock's.
  it.each([
    ['that carries traffic', 1000],
    ['that carries nothing but keepalives', 32],
  ])('%s is left alone for ten minutes without a controller', async (_what, bytesEachWay) => {
    const world = await aDirectPair();
    world.paths.disconnected();
    const before = { steers: world.device.steers.length, nudges: world.device.nudges.length, signals: world.signals().length };

    for (let seconds = 0, bytes = 1000; seconds < 600; seconds += 25, bytes += bytesEachWay) {
      const handshake = seconds % 100 === 0 ? { latestHandshakeMs: world.clock.now() } : {};
      world.device.notice(world.peer.publicKey, { txBytes: bytes, rxBytes: bytes, ...handshake });
      await world.pass(25_000);
    }

    expect(world.kind()).toBe('direct');
    expect({ steers: world.device.steers.length, nudges: world.device.nudges.length, signals: world.signals().length }).toEqual(before);
  });

  it('is not touched when the control stream comes back or the relay restarts', async () => {
    const world = await aDirectPair();
    const before = { steers: world.steersOf('peer').length, signals: world.signals().length };

    world.paths.disconnected();
    await world.pass(5000);
    world.paths.relayRestarted();
    await world.connect();
    await world.pass(5000);

    expect(world.steersOf('peer').length).toBe(before.steers);
    expect(world.signals().length).toBe(before.signals);
    expect(world.steersOf('controller').at(-1)).toEqual({ endpoint: RELAY, fresh: true });
  });

  it('is found again by an agent that takes over a running interface', async () => {
    const world = await aWorld('responder');
    world.session(DIRECT);

    await world.connect();

    expect(world.kind()).toBe('direct');
    expect(world.signals()).toEqual([]);
  });

  it('is left for the relay in under five seconds when the peer falls silent, having asked it first', async () => {
    const world = await aDirectPair();

    world.device.notice(world.peer.publicKey, { txBytes: 10_000 });
    await world.pass(2500);
    expect(world.signals(KIND_PROBE)).toHaveLength(1);
    expect(world.steersOf('peer').at(-1)!.endpoint).toBe(DIRECT);
    await world.pass(2400);

    expect(world.steersOf('peer').at(-1)).toEqual({ endpoint: RELAY, fresh: false });
  });

  it('gets a new session at the relay when WireGuard has renewed it directly, for the relay knows only what it has passed on', async () => {
    const world = await aDirectPair();
    world.clock.advance(120_000);
    world.device.notice(world.peer.publicKey, { latestHandshakeMs: world.clock.now(), rxBytes: 5000 });
    await world.pass(500);

    world.device.notice(world.peer.publicKey, { txBytes: 10_000 });
    await world.pass(5000);

    expect(world.steersOf('peer').slice(-1)).toEqual([{ endpoint: RELAY, fresh: true }]);
  });

  it.each([
    ['and makes the new session itself when the initiator does not', [false, true], false],
    ['and leaves the new session to the initiator', [false], true],
  ] as const)('is left by the responder, %s', async (_what, fresh, initiatorDoes) => {
    const world = await aWorld('responder');
    world.session(DIRECT);
    await world.connect();

    world.device.notice(world.peer.publicKey, { txBytes: 10_000 });
    await world.pass(3600);
    const handshake = { latestHandshakeMs: world.clock.now(), endpoint: RELAY };
    if (initiatorDoes) world.device.notice(world.peer.publicKey, handshake);
    await world.pass(1500);

    expect(world.steersOf('peer')).toEqual(fresh.map((each) => ({ endpoint: RELAY, fresh: each })));
  });

  it('is kept when the peer answers the question', async () => {
    const world = await aDirectPair();
    world.device.notice(world.peer.publicKey, { txBytes: 10_000 });
    await world.pass(2500);

    world.device.notice(world.peer.publicKey, { rxBytes: 1_000_000 });
    await world.pass(5000);

    expect(world.kind()).toBe('direct');
    expect(world.steersOf('peer').at(-1)!.endpoint).toBe(DIRECT);
  });

  it('is given longer without a controller, when nobody can be asked and a mere listener says nothing for ten seconds', async () => {
    const world = await aDirectPair();
    world.paths.disconnected();

    world.device.notice(world.peer.publicKey, { txBytes: 10_000 });
    await world.pass(14_000);
    expect(world.steersOf('peer').at(-1)!.endpoint).toBe(DIRECT);
    await world.pass(3000);

    expect(world.steersOf('peer').at(-1)!.endpoint).toBe(RELAY);
  });

  it('gives a sign of life when the peer asks for one', async () => {
    const world = await aDirectPair();
    const before = nudgesOf(world);

    await world.receive({ kind: KIND_PROBE });

    expect(nudgesOf(world)).toBe(before + 1);
    expect(world.steersOf('peer').at(-1)!.endpoint).toBe(DIRECT);
  });

  it('is followed to the relay when the peer has gone back there, and tried again later', async () => {
    const world = await aDirectPair();
    const offers = world.signals(KIND_OFFER).length;

    world.device.notice(world.peer.publicKey, { endpoint: RELAY });
    await world.pass(3000);

    expect(world.kind()).toBe('relay');
    expect(world.signals(KIND_OFFER).length).toBe(offers + 1);
  });
});

describe('when things were lost', () => {
  it('a new interface begins where the peer was, and goes to the relay when it is not there', async () => {
    const world = await aDirectPair();
    world.device.lose('deleted');
    await world.pass(1000);
    await world.setDevice();

    world.paths.deviceRestored();
    await world.pass(20);
    expect(world.steersOf('peer').at(-1)).toEqual({ endpoint: DIRECT, fresh: true });
    await world.pass(1000);

    expect(world.steersOf('peer').at(-1)).toEqual({ endpoint: RELAY, fresh: true });
  });

  it('a new interface stays where the peer answers', async () => {
    const world = await aDirectPair();
    world.device.lose('deleted');
    await world.setDevice();
    world.paths.deviceRestored();
    await world.pass(20);

    world.session(DIRECT);
    await world.pass(2000);

    expect(world.kind()).toBe('direct');
    expect(world.steersOf('peer').at(-1)).toEqual({ endpoint: DIRECT, fresh: true });
  });

  it('a relay that restarted gets new sessions, its own first', async () => {
    const world = await aWorld('initiator');
    world.session('relay');
    await world.connect();
    await world.receive({ kind: KIND_ANSWER, attempt: world.signals(KIND_OFFER).at(-1)!.attempt });
    await world.pass(1000);

    world.paths.relayRestarted();
    await world.pass(20);
    expect(world.steersOf('controller').at(-1)).toEqual({ endpoint: RELAY, fresh: true });
    await world.receive({ kind: KIND_ANSWER, attempt: world.signals(KIND_OFFER).at(-1)!.attempt });

    expect(world.steersOf('peer').at(-1)).toEqual({ endpoint: RELAY, fresh: true });
  });

  it('a controller that does not answer handshakes is asked anew, for WireGuard itself would wait five seconds', async () => {
    const world = await aWorld('initiator', { controllerSilent: true });
    await world.connect();
    expect(world.steersOf('controller')).toEqual([]);

    await world.pass(2000);

    expect(world.steersOf('controller')).toContainEqual({ endpoint: RELAY, fresh: true });
    expect(world.steersOf('controller').length).toBeLessThan(4);
  });

  it('tells that the tunnel to the controller is up, each time that it was made anew', async () => {
    const world = await aWorld('initiator');
    await world.connect();
    await world.pass(2000);
    expect(world.tunnelUps).toBe(1);

    world.paths.relayRestarted();
    await world.pass(0);
    world.device.notice(world.controller.publicKey, { latestHandshakeMs: world.clock.now() });
    await world.pass(1000);

    expect(world.tunnelUps).toBe(2);
  });

  it('signals that could not be sent are not taken for sent', async () => {
    const world = await aWorld('initiator', { sendFails: true });
    await world.connect();
    await world.pass(100);

    await world.receive({ kind: KIND_ANSWER, attempt: world.signals(KIND_OFFER).at(-1)!.attempt });

    expect(world.steersOf('peer')).toEqual([]);
  });

  it('nothing is done any more after the stop', async () => {
    const world = await aDirectPair();
    await world.paths.stop();
    const before = world.device.steers.length;

    await world.receive({ kind: KIND_HELLO });
    world.device.notice(world.peer.publicKey, { txBytes: 10_000 });
    await world.pass(10_000);

    expect(world.device.steers.length).toBe(before);
  });
});

interface WorldOptions {
  readonly undelivered?: readonly string[];
  readonly nat?: Partial<NatFindings>;
  /** In the place of `nat`. */
  readonly probes?: () => Promise<NatFindings>;
  readonly morePeers?: number;
  readonly controllerSilent?: boolean;
  readonly sendFails?: boolean;
}

/** A node with one peer, which the test plays: what WireGuard sees of it and what it signals. */
class World {
  readonly clock = new ManualClock();
  readonly device = new RecordedDevice();
  readonly remembered: [string, string][] = [];
  readonly changes: { kind: string; endpoint: string }[] = [];
  tunnelUps = 0;
  readonly #sent: PeerSignal[] = [];
  openedAtAnswer: (readonly string[])[] = [];
  readonly paths: Paths;

  constructor(
    readonly self: Keys,
    readonly peer: Keys,
    readonly controller: Keys,
    readonly peers: readonly Peer[],
    readonly options: WorldOptions,
  ) {
    this.paths = startPaths({
      device: this.device,
      clock: this.clock,
      log: silentLog,
      self: { publicKey: self.publicKey, candidates: () => [{ address: '203.0.113.21:3000', kind: Endpoint_Kind.KIND_REFLEXIVE }] },
      probeNat: () => options.probes?.() ?? Promise.resolve({ symmetric: false, portRestricted: false, ...options.nat }),
      send: (signals) => {
        if (signals.some(({ kind }) => kind === KIND_ANSWER)) this.openedAtAnswer = [...this.device.opened];
        this.#sent.push(...signals);
        return options.sendFails === true ? Promise.reject(new Error('away')) : Promise.resolve(options.undelivered ?? []);
      },
      remember: (nodeId, endpoint) => this.remembered.push([nodeId, endpoint]),
    });
    this.paths.onChange((path) => this.changes.push(path));
    this.paths.onTunnelUp(() => this.tunnelUps++);
  }

  async setDevice(): Promise<void> {
    const network = this.#network();
    await this.device.set(planDevice({ self: { ...this.self, bindIp: '10.66.0.5', bindIp6: '', listenPort: 0, mtu: 0 }, network, peers: this.peers, routers: [] }));
    if (this.options.controllerSilent !== true) this.device.notice(this.controller.publicKey, { latestHandshakeMs: this.clock.now() });
    this.paths.setPeers(this.peers, network.controller);
  }

  async connect(): Promise<void> {
    this.paths.connected();
    await this.pass(0);
    await this.pass(0);
  }

  /** Lets time pass, and WireGuard be looked at whenever that is due. */
  async pass(ms: number): Promise<void> {
    for (const endMs = this.clock.now() + ms; ; this.clock.advance(Math.min(20, endMs - this.clock.now()))) {
      await this.paths.observe();
      if (this.clock.now() >= endMs) return;
    }
  }

  /** The same in steps of half a second, as where nothing is urgent. */
  async passSeconds(seconds: number): Promise<void> {
    for (let steps = 0; steps < 2 * seconds; steps++) {
      this.clock.advance(500);
      await this.paths.observe();
    }
  }

  async receive(signal: Partial<PeerSignal>): Promise<void> {
    const candidates = [{ address: DIRECT, kind: Endpoint_Kind.KIND_REFLEXIVE }];
    this.paths.receive({ nodeId: 'peer', kind: KIND_HELLO, attempt: 0, candidates, symmetricNat: false, portRestrictedNat: false, natUnknown: false, hasSession: true, relays: [], ...signal });
    await this.pass(0);
  }

  /** WireGuard has a session with the peer. */
  session(endpoint: string): void {
    this.device.notice(this.peer.publicKey, { endpoint: endpoint === 'relay' ? RELAY : endpoint, latestHandshakeMs: this.clock.now(), rxBytes: 200, txBytes: 200 });
  }

  kind(): string {
    return this.paths.paths().find(({ nodeId }) => nodeId === 'peer')!.kind;
  }

  signals(kind?: PeerSignal_Kind): PeerSignal[] {
    return this.#sent.filter((signal) => kind === undefined || signal.kind === kind);
  }

  steersOf(whom: 'peer' | 'controller'): { endpoint: string; fresh: boolean }[] {
    const key = this[whom].publicKey;
    return this.device.steers.filter(({ publicKey }) => publicKey === key).map(({ endpoint, fresh }) => ({ endpoint, fresh }));
  }

  #network(): NetworkConfig {
    const controller = { wgPublicKey: parseWireGuardKey(this.controller.publicKey), bindIp: '10.66.0.1', endpoints: [RELAY], probeEndpoints: [PROBE] };
    return NetworkConfig.fromPartial({ name: 'default', cidr: '10.66.0.0/24', interconnection: true, controller });
  }
}

async function aWorld(role: 'initiator' | 'responder', options: WorldOptions = {}): Promise<World> {
  const [smaller, larger] = [someKeys(), someKeys()].sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1)) as [Keys, Keys];
  const [self, peer] = role === 'initiator' ? [smaller, larger] : [larger, smaller];
  const others = Array.from({ length: options.morePeers ?? 0 }, (_, n) => aPeer(`other-${n}`, someKeys(), `10.66.0.${100 + n}`));
  const world = new World(self, peer, someKeys(), [aPeer('peer', peer, '10.66.0.9'), ...others], options);
  await world.setDevice();
  return world;
}

/** An initiator whose path to the peer has become direct in the regular way. */
async function aDirectPair(): Promise<World> {
  const world = await aWorld('initiator');
  await world.connect();
  await world.receive({ kind: KIND_ANSWER, attempt: world.signals(KIND_OFFER).at(-1)!.attempt });
  world.session('relay');
  await world.pass(40);
  world.device.notice(world.peer.publicKey, { rxBytes: 300 });
  await world.pass(40);
  return world;
}

function aPeer(nodeId: string, keys: Keys, bindIp: string): Peer {
  return Peer.fromPartial({ nodeId, bindIp, wgPublicKey: parseWireGuardKey(keys.publicKey) });
}

function nudgesOf({ device, peer }: Pick<Awaited<ReturnType<typeof aWorld>>, 'device' | 'peer'>): number {
  return device.nudges.filter((publicKey) => publicKey === peer.publicKey).length;
}
