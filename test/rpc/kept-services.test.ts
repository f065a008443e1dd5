import { describe, expect, it, onTestFinished } from 'vitest';
import { ListServicesRequest, UnregisterNodeRequest, type AdminServiceClient } from '../../src/gen/networkcontroller/v1/admin.js';
import { NodeServiceListServicesRequest, type NodeServiceClient, type ServiceState } from '../../src/gen/networkcontroller/v1/node.js';
import { Service } from '../../src/gen/networkcontroller/v1/types.js';
import { callUnary, openDuplex } from '../../src/platform/rpc-client.js';
import { startTestServer } from '../support/server.js';
import { until } from '../support/until.js';

const state = (id: string, health = '', healthReason = ''): ServiceState => ({ id, health, healthReason });
const LEASE_SECONDS = 2;

/** A node with services `one` and `two`, and a stream that keeps them. */
async function startKeeping() {
  const server = await startTestServer();
  const member = await server.join(await server.token());
  const client = server.control(member);
  for (const id of ['one', 'two']) await callUnary(client, 'registerService', { service: Service.fromPartial({ id, name: 'web', port: 80, leaseSeconds: LEASE_SECONDS }) });
  const keeping = keep(client);
  const shown = async (id: string): Promise<Service> => {
    const { services } = await callUnary(client, 'listServices', NodeServiceListServicesRequest.fromPartial({}));
    return services.find((service) => service.id === id)!;
  };
  return { server, member, client, shown, ...keeping };
}

function keep(client: NodeServiceClient) {
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const unknown: string[][] = [];
  const ends: (Error | undefined)[] = [];
  const stream = openDuplex(client, 'keepServices', { signal: ending.signal, onMessage: (message) => unknown.push(message.unknown), onEnd: (error) => ends.push(error) });
  const say = (...services: ServiceState[]): void => stream.write({ services });
  return { say, unknown, ends };
}

/** The revision of everything that was written. */
async function revisionOf(admin: AdminServiceClient): Promise<bigint> {
  let seen = 0n;
  await callUnary(admin, 'listServices', ListServicesRequest.fromPartial({}), { onRead: ({ revision }) => (seen = revision) });
  expect(seen).toBeGreaterThan(0n);
  return seen;
}

/** Says it every quarter second until the test is over. */
function keepSaying(say: () => void): void {
  const timer = setInterval(say, 250);
  onTestFinished(() => clearInterval(timer));
}

describe('a stream that keeps services', () => {
  it('renews by empty messages what was named once, for several lives of the lease, and nothing is written', async () => {
    const { server, say, shown, unknown } = await startKeeping();
    say(state('one'), state('two'));
    keepSaying(() => say());
    const before = await revisionOf(server.admin);
    const endMs = performance.now() + 2.5 * LEASE_SECONDS * 1000;

    await until(() => performance.now() > endMs, 'several lives of the lease');

    expect(await revisionOf(server.admin)).toBe(before);
    for (const id of ['one', 'two']) expect(await shown(id)).toMatchObject({ withheld: '' });
    expect(unknown).toEqual([]);
  });

  it('lets the lease end of what it names no more', async () => {
    const { say, shown } = await startKeeping();
    say(state('one'), state('two'));
    say(state('two'));

    keepSaying(() => say());

    await until(async () => (await shown('one')).withheld !== '', 'the end of its lease');
    expect(await shown('one')).toMatchObject({ withheld: `not renewed for ${LEASE_SECONDS} s`, leaseLeftMs: 0 });
    expect(await shown('two')).toMatchObject({ withheld: '' });
  });

  it('lets the leases end when it is open and nothing is said', async () => {
    const { say, shown } = await startKeeping();
    say(state('one'), state('two'));

    await until(async () => (await shown('one')).withheld !== '', 'the end of the lease');

    await until(async () => (await shown('two')).withheld !== '', 'the end of the other');
  });

  it('takes out at once what it says to be failing, with the reason', async () => {
    const { say, shown } = await startKeeping();

    say(state('one', 'failing', 'answered 503'), state('two', 'passing'));

    await until(async () => (await shown('one')).withheld !== '', 'the service to be withheld');
    expect(await shown('one')).toMatchObject({ withheld: 'its health check fails: answered 503' });
    expect(await shown('two')).toMatchObject({ withheld: '' });
  });

  it('is told which ids are nobody\'s or another node\'s, each time', async () => {
    const { server, say, unknown } = await startKeeping();
    const other = server.control(await server.join(await server.token(), { hostname: 'other' }));
    await callUnary(other, 'registerService', { service: Service.fromPartial({ id: 'theirs', name: 'web', port: 80 }) });

    say(state('theirs', 'failing'), state('one'), state('nobody'));
    say();

    await until(() => unknown.length === 2, 'two answers');
    expect(unknown).toEqual([['theirs', 'nobody'], ['theirs', 'nobody']]);
    const { services } = await callUnary(server.admin, 'listServices', ListServicesRequest.fromPartial({}));
    expect(services.find(({ id }) => id === 'theirs')).toMatchObject({ withheld: '' });
  });

  it('ends with a refusal when something else than health is said, and renews none of it', async () => {
    const { say, ends } = await startKeeping();

    say(state('one'), state('two', 'splendid'));

    await until(() => ends.length > 0, 'the end');
    expect(ends).toMatchObject([{ code: 'invalid_argument' }]);
  });

  it('ends when its node is a member no more', async () => {
    const { server, member, say, ends } = await startKeeping();
    say(state('one'));
    await callUnary(server.admin, 'unregisterNode', UnregisterNodeRequest.fromPartial({ node: member.nodeId }));

    say();

    await until(() => ends.length > 0, 'the end');
    expect(ends).toMatchObject([{ code: 'node_revoked' }]);
  });
});
