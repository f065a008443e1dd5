import { describe, expect, it } from 'vitest';
import { AdminServiceWatchServicesRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { NodeServiceListServicesRequest, NodeServiceWatchServicesRequest } from '../../src/gen/networkcontroller/v1/node.js';
import { Service, type ServiceEvent } from '../../src/gen/networkcontroller/v1/types.js';
import { callStream, callUnary } from '../../src/platform/rpc-client.js';
import { startTestServer } from '../support/server.js';
import { until } from '../support/until.js';

const NETWORKS = ['networks: [{ name: lab, cidr: 10.67.0.0/24 }]'];

async function startNetworks() {
  const server = await startTestServer({ settings: NETWORKS });
  const [home, lab] = [await server.join(await server.token({ network: 'default' })), await server.join(await server.token({ network: 'lab' }))];
  const [atHome, inLab] = [server.control(home), server.control(lab)];
  const register = (client: typeof atHome, wanted: Partial<Service>) => callUnary(client, 'registerService', { service: Service.fromPartial({ port: 80, ...wanted }) });
  return { server, home, lab, atHome, inLab, register };
}

/** Collects what a watch says, a word each, until the test is over. */
function collect(stream: AsyncGenerator<{ event: ServiceEvent | undefined }>): string[] {
  const said: string[] = [];
  void (async () => {
    for await (const { event } of stream) said.push(wordOf(event!));
  })().catch(() => {});
  return said;
}

function wordOf({ event }: ServiceEvent): string {
  if (event?.$case === 'put') return `${event.value.network}/${event.value.id}${event.value.withheld === '' ? '' : ' withheld'}`;
  return event?.$case === 'removed' ? `gone ${event.value.network}/${event.value.id}` : 'synced';
}

describe('a node', () => {
  it('sees the services of its own network only, whatever it asks for', async () => {
    const { atHome, inLab, register } = await startNetworks();
    await register(atHome, { id: 'same', name: 'web' });
    await register(inLab, { id: 'same', name: 'web' });
    await register(inLab, { id: 'other', name: 'db' });
    const list = async (client: typeof atHome, name = '') =>
      (await callUnary(client, 'listServices', NodeServiceListServicesRequest.fromPartial({ filter: { name } }))).services.map(({ network, id }) => `${network}/${id}`);

    expect(await list(atHome)).toEqual(['default/same']);
    expect(await list(inLab)).toEqual(['lab/other', 'lab/same']);
    expect(await list(inLab, 'db')).toEqual(['lab/other']);
  });

  it.each(['discovery', 'security', 'consistency', 'batch', 'mq', 'bus', 'word-of-our-own'])('asks for the instances of type %s, and of one channel of them, which is how machines find each other at first', async (type) => {
    const { server, atHome, home, register } = await startNetworks();
    const asking = server.control(await server.join(await server.token({ network: 'default' }), { hostname: 'asking' }));
    for (const channel of ['stable', 'beta', 'alpha']) await register(atHome, { id: channel, name: 'it', type, channel, role: channel === 'stable' ? 'primary' : 'replica' });
    await register(atHome, { id: 'other', name: 'other', type: type === 'mq' ? 'bus' : 'mq' });
    const list = async (filter: { type: string; channel?: string }) => (await callUnary(asking, 'listServices', NodeServiceListServicesRequest.fromPartial({ filter }))).services;

    expect((await list({ type })).map(({ id }) => id).sort()).toEqual(['alpha', 'beta', 'stable']);
    expect(await list({ type, channel: 'beta' })).toMatchObject([{ id: 'beta', role: 'replica', nodeId: home.nodeId }]);
    expect(await list({ type: 'nobody' })).toEqual([]);
  });

  it('neither renews nor removes the service of the same id in another network', async () => {
    const { atHome, inLab, register } = await startNetworks();
    await register(atHome, { id: 'one', name: 'web' });

    expect((await callUnary(inLab, 'renewServices', { services: [{ id: 'one', health: 'failing', healthReason: '' }] })).unknown).toEqual(['one']);
    await expect(callUnary(inLab, 'deregisterService', { id: 'one' })).rejects.toMatchObject({ code: 'service_unknown' });

    expect((await callUnary(atHome, 'listServices', NodeServiceListServicesRequest.fromPartial({}))).services).toMatchObject([{ id: 'one', withheld: '' }]);
  });

  it('offers no address but its own', async () => {
    const { atHome, home, lab, register } = await startNetworks();

    await expect(register(atHome, { name: 'web', address: lab.bindIp })).rejects.toMatchObject({ code: 'permission_denied' });

    await expect(register(atHome, { name: 'web', address: home.bindIp })).resolves.toMatchObject({ service: { address: home.bindIp } });
  });
});

describe('a watch', () => {
  it('tells a node of all there is in its network, then of each change, and of nothing elsewhere', async () => {
    const { atHome, inLab, register } = await startNetworks();
    await register(atHome, { id: 'one', name: 'web' });
    const said = collect(callStream(atHome, 'watchServices', NodeServiceWatchServicesRequest.fromPartial({})));
    await until(() => said.includes('synced'), 'the first part');

    await register(inLab, { id: 'far', name: 'web' });
    await callUnary(atHome, 'renewServices', { services: [{ id: 'one', health: 'failing', healthReason: 'refused' }] });
    await callUnary(atHome, 'deregisterService', { id: 'one' });

    await until(() => said.length >= 4, 'the changes');
    expect(said).toEqual(['default/one', 'synced', 'default/one withheld', 'gone default/one']);
  });

  it('tells an admin of every network, and that an instance does not fit the filter any more', async () => {
    const { server, atHome, inLab, register } = await startNetworks();
    await register(atHome, { id: 'one', name: 'web', channel: 'beta' });
    await register(inLab, { id: 'two', name: 'web', channel: 'beta' });
    const said = collect(callStream(server.admin, 'watchServices', AdminServiceWatchServicesRequest.fromPartial({ filter: { channel: 'beta' } })));
    await until(() => said.includes('synced'), 'the first part');

    await register(atHome, { id: 'never', name: 'web' });
    await register(atHome, { id: 'one', name: 'web', channel: 'stable' });
    await register(inLab, { id: 'three', name: 'web', channel: 'beta' });

    await until(() => said.includes('lab/three'), 'the changes');
    expect(said).toEqual(['default/one', 'lab/two', 'synced', 'gone default/one', 'lab/three']);
  });
});
