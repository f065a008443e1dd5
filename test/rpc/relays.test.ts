import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { DomainError } from '../../src/domain/errors.js';
import { NodeServiceClient, WatchRequest, type MapSnapshot, type WatchResponse } from '../../src/gen/networkcontroller/v1/node.js';
import type { Relay } from '../../src/gen/networkcontroller/v1/types.js';
import { systemClock } from '../../src/platform/clock.js';
import { callStream, callUnary, connect } from '../../src/platform/rpc-client.js';
import { CaBundle } from '../../src/platform/x509/ca-bundle.js';
import { readCrl } from '../../src/platform/x509/crl.js';
import { makeCsr } from '../../src/platform/x509/csr.js';
import { generateP256 } from '../../src/platform/x509/p256.js';
import { verifyRelayCertificate } from '../../src/platform/x509/relay-certificate.js';
import { enrolRelay } from '../../src/server/relay/enrol.js';
import { RelayState } from '../../src/server/relay/relay-state.js';
import { ManualClock } from '../support/clock.js';
import { asRelay, enrolled, relayJoin, relayTarget, RELAY_ENDPOINT } from '../support/relays.js';
import { controlTarget, joinMachine, startTestServer } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';

const codeOf = async (call: Promise<unknown>): Promise<string> => call.then(() => 'ok', (error: DomainError) => error.code);
const enrol = (text: string, dir = join(tmpDir(), 'relay')): Promise<string> => enrolRelay(dir, text, { clock: systemClock });

it.each([
  ['no label', { name: 'Paris 1' }],
  ['no endpoint', { endpoints: [] }],
  ['an endpoint without port', { endpoints: ['203.0.113.7'] }],
  ['an endpoint that is a name', { endpoints: ['relay.example:6441'] }],
  ['a join string for a month', { expireMs: 30 * 86_400_000 }],
])('makes no room for a relay with %s', async (_what, wanted) => {
  const server = await startTestServer();

  expect(await codeOf(relayJoin(server, 'paris', wanted))).toBe('invalid_argument');
  expect((await callUnary(server.admin, 'listRelays', {})).relays).toEqual([]);
});

it('lets a join string make one relay, and no node; that of a node makes no relay', async () => {
  const server = await startTestServer();
  const text = await relayJoin(server, 'paris');

  expect(await codeOf(joinMachine(text))).toBe('token_invalid');
  expect(await codeOf(enrol(await server.token()))).toBe('token_invalid');
  expect(await codeOf(enrol(text.replace(/\.[\w-]{22}\./, `.${'A'.repeat(22)}.`)))).toBe('token_invalid');
  expect(await enrol(text)).toBe('paris');
  expect(await codeOf(enrol(text))).toBe('token_spent');
  expect(await codeOf(relayJoin(server, 'paris'))).toBe('name_taken');
});

it('gives a relay that has lost the answer the same place again, with keys that were on disk before', async () => {
  const server = await startTestServer();
  const text = await relayJoin(server, 'paris');
  const dir = join(tmpDir(), 'relay');
  const tokenId = /^ncj1_([0-9a-f]{16})/.exec(text)![1]!;
  const keys = await (await RelayState.open(dir)).keysFor(tokenId);
  const elsewhere = join(tmpDir(), 'relay');
  await enrol(text, dir);

  expect((await (await RelayState.open(dir)).membership())?.keys).toEqual(keys);
  expect(await codeOf(enrol(text, dir))).toBe('already_initialised');
  expect(await codeOf(enrol(text, elsewhere))).toBe('token_spent');
});

it('forgets an invitation that was replaced, and one whose time is over', async () => {
  const clock = new ManualClock(Date.now());
  const server = await startTestServer({ clock });
  const first = await relayJoin(server, 'paris');
  const second = await relayJoin(server, 'paris', { expireMs: 60_000 });

  expect(await codeOf(enrol(first))).toBe('token_invalid');
  clock.advance(60_000);
  expect(await codeOf(enrol(second))).toBe('token_expired');
  expect((await callUnary(server.admin, 'listRelays', {})).relays).toMatchObject([{ name: 'paris', state: 'expired', lastSeenMs: 0 }]);
});

it('keeps relays from what is for nodes and admins, and nodes from what is for relays', async () => {
  const server = await startTestServer();
  const member = await server.join(await server.token());
  const target = relayTarget(server, await enrolled(server, 'paris'));
  const node = connect(NodeServiceClient, target);
  const csr = makeCsr(generateP256(), 'relay');
  const asNode = asRelay(controlTarget(server, member));

  expect(await codeOf(first(callStream(node, 'watch', WatchRequest.create())))).toBe('permission_denied');
  expect(await codeOf(callUnary(node, 'renew', { grpcCsr: csr, networkCsr: csr }))).toBe('permission_denied');
  expect(await codeOf(first(callStream(asNode, 'watch', { version: '' })))).toBe('permission_denied');
  expect(await codeOf(callUnary(asNode, 'renew', { grpcCsr: csr, networkCsr: csr }))).toBe('permission_denied');
  node.close();
});

it("refuses a relay's network certificate at the control port, and one of another cluster", async () => {
  const [server, other] = [await startTestServer(), await startTestServer()];
  const relay = await enrolled(server, 'paris');
  const { networkCertificate, keys } = relay.membership;
  const withNetworkCertificate = relayTarget(server, { ...relay, membership: { ...relay.membership, grpcCertificate: networkCertificate, keys: { ...keys, grpc: keys.network } } });
  const stranger = await enrolled(other, 'paris');
  const foreign = relayTarget(server, { ...stranger, membership: { ...stranger.membership, bundle: relay.membership.bundle, clusterId: relay.membership.clusterId } });

  for (const target of [withNetworkCertificate, foreign]) expect(await codeOf(first(callStream(asRelay(target), 'watch', { version: '' })))).toBe('unavailable');
});

it('puts a relay into the map with a certificate for its WireGuard key, and takes it out and onto the revocation list', async () => {
  const server = await startTestServer();
  const member = await server.join(await server.token());
  const relay = await enrolled(server, 'paris');
  const controlled = server.control(member);
  const map = new MapReader(callStream(controlled, 'watch', WatchRequest.create()));
  const stream = callStream(asRelay(relayTarget(server, relay)), 'watch', { version: '1.2.3' });
  await stream.next();

  const [entry] = await map.relays((relays) => relays.length === 1);
  const bundle = new CaBundle(member.bundle!.network!.certificates);
  expect(verifyRelayCertificate(entry!.certificate, { bundle, clusterId: member.clusterId, nowMs: Date.now() })).toMatchObject({ name: 'paris', wgPublicKey: entry!.wgPublicKey });
  expect(entry).toMatchObject({ name: 'paris', endpoints: [RELAY_ENDPOINT] });
  expect((await callUnary(server.admin, 'listRelays', {})).relays).toMatchObject([{ name: 'paris', state: 'connected', version: '1.2.3' }]);

  await callUnary(server.admin, 'revokeRelay', { name: 'paris' });
  await map.relays((relays) => relays.length === 0);
  const { serials } = readCrl(map.crl, bundle.certificates);
  expect(() => verifyRelayCertificate(entry!.certificate, { bundle, clusterId: member.clusterId, nowMs: Date.now(), crl: { serials } })).toThrow(/revoked/);
  expect(await codeOf(drain(stream))).toBe('relay_unknown');
  expect(await codeOf(first(callStream(asRelay(relayTarget(server, relay)), 'watch', { version: '' })))).toBe('relay_unknown');
  expect(await codeOf(callUnary(server.admin, 'revokeRelay', { name: 'paris' }))).toBe('relay_unknown');
  expect(await relayJoin(server, 'paris')).toMatch(/^ncj1_/);
});

/** Follows a map as far as relays go. */
class MapReader {
  readonly #relays = new Map<string, Relay>();
  crl: Buffer = Buffer.alloc(0);

  constructor(private readonly stream: AsyncGenerator<WatchResponse>) {}

  async relays(isRight: (relays: Relay[]) => boolean): Promise<Relay[]> {
    let complete = this.crl.length > 0 || this.#relays.size > 0;
    while (!complete || !isRight([...this.#relays.values()])) {
      const { value } = (await this.stream.next()) as { value: WatchResponse };
      if (value.message?.$case === 'snapshot') complete = this.#takeSnapshot(value.message.value);
      if (value.message?.$case === 'delta') for (const { change } of value.message.value.changes) {
        if (change?.$case === 'relay') this.#relays.set(change.value.name, change.value);
        if (change?.$case === 'relayRemoved') this.#relays.delete(change.value);
        if (change?.$case === 'crl') this.crl = change.value;
      }
    }
    return [...this.#relays.values()];
  }

  #takeSnapshot(snapshot: MapSnapshot): boolean {
    for (const relay of snapshot.relays) this.#relays.set(relay.name, relay);
    return snapshot.last;
  }
}

async function first<T>(stream: AsyncGenerator<T>): Promise<T | undefined> {
  for await (const message of stream) return message;
  return undefined;
}

async function drain(stream: AsyncGenerator<unknown>): Promise<void> {
  for await (const _message of stream);
}
