import { describe, expect, it } from 'vitest';
import type { Service } from '../../src/gen/networkcontroller/v1/types.js';
import { aNode, aService, ncadm, startController } from './support.js';

describe('ncadm service', () => {
  it.each([
    ['a name that is no DNS label', ['Registry', '--node', 'web-1'], 'want a lower-case DNS label'],
    ['no place', ['registry'], 'want --node or --address'],
    ['a port out of range', ['registry', '--node', 'web-1', '--port', '70000'], 'whole number from 1 to 65535'],
    ['a protocol that is none', ['registry', '--node', 'web-1', '--protocol', 'sctp'], 'tcp, udp'],
    ['a channel that is none', ['registry', '--node', 'web-1', '--channel', 'nightly'], 'stable, beta, alpha'],
    ['a lease that is no duration', ['registry', '--node', 'web-1', '--lease', 'long'], 'lease: want a duration'],
    ['a remark without a value', ['registry', '--node', 'web-1', '--meta', 'version'], 'Want key=value'],
  ])('refuses %s', async (_what, words, sentence) => {
    const { socket, added } = await controllerWith([]);

    const { exitCode, stderr } = await ncadm(['--socket', socket, 'service', 'add', ...words]);

    expect(exitCode).toBe(2);
    expect(stderr).toContain(sentence);
    expect(added).toEqual([]);
  });

  it('adds nothing on a node that is not there', async () => {
    const { socket, added } = await controllerWith([]);

    const { exitCode, stderr } = await ncadm(['--socket', socket, 'service', 'add', 'registry', '--node', 'nobody']);

    expect(exitCode).toBe(1);
    expect(stderr).toContain('node_unknown');
    expect(added).toEqual([]);
  });

  it('adds an instance on a node, in the node\'s network', async () => {
    const { socket, added } = await controllerWith([]);
    const words = 'registry --node web-1 --port 5000 --weight 10 --priority 1 --type discovery --channel beta --ttl 30 --role replica --id r-1 --lease 20s --meta a=1 --meta b=x=y';

    const { stdout } = await ncadm(['--socket', socket, 'service', 'add', ...words.split(' ')]);

    expect(stdout).toBe('Service registry added on web-1 (s-new)\n');
    expect(added).toEqual([
      aService({ id: 'r-1', role: 'replica', leaseSeconds: 20, createdAtMs: 0, weight: 10, priority: 1, type: 'discovery', channel: 'beta', ttlSeconds: 30, metadata: { a: '1', b: 'x=y' } }),
    ]);
  });

  it('adds an instance that follows its node', async () => {
    const { socket, added } = await controllerWith([]);

    await ncadm(['--socket', socket, 'service', 'add', 'registry', '--node', 'web-1', '--lease', 'node']);

    expect(added).toMatchObject([{ withNode: true, leaseSeconds: 0 }]);
  });

  it('removes no instance when the name has several', async () => {
    const { socket, removed } = await controllerWith([aService(), aService({ id: 's-2', nodeId: 'n-2' })]);

    const { exitCode, stderr } = await ncadm(['--socket', socket, 'service', 'remove', 'registry', '--yes']);

    expect([exitCode, removed]).toEqual([1, []]);
    expect(stderr).toContain('"registry" matches several instances: s-1 on n-1, s-2 on n-2');
  });

  it('says that a service is unknown', async () => {
    const { socket } = await controllerWith([]);

    const { exitCode, stderr } = await ncadm(['--socket', socket, 'service', 'show', 'nothing']);

    expect([exitCode, stderr]).toEqual([1, 'ncadm: service_unknown: no service has the id or name "nothing"\n  See the services: ncadm service list.\n']);
  });

  it.each(['registry', 's-1'])('removes the one instance by %s', async (target) => {
    const { socket, removed } = await controllerWith([aService()]);

    const { stdout } = await ncadm(['--socket', socket, 'service', 'remove', target]);

    expect(stdout).toBe('Service registry removed (s-1)\n');
    expect(removed).toEqual(['s-1']);
  });

  it('lists and shows every instance, and why one is withheld', async () => {
    const ill = aService({ id: 's-2', nodeId: 'n-2', withheld: 'its health check fails: refused', leaseSeconds: 10, leaseLeftMs: 6_250, health: 'failing' });
    const { socket } = await controllerWith([aService(), ill]);

    const list = await ncadm(['--socket', socket, 'service', 'list']);
    const shown = await ncadm(['--socket', socket, 'service', 'show', 'registry', '-o', 'json']);

    expect(list.stdout).toMatch(/registry +n-1 +\(node\) +5000\/tcp +stable +answered +- +- +/);
    expect(list.stdout).toMatch(/registry +n-2 +\(node\) +5000\/tcp +stable +its health check fails: refused +7\/10s +failing +/);
    expect((JSON.parse(shown.stdout) as Service[]).map(({ id }) => id)).toEqual(['s-1', 's-2']);
  });
});

async function controllerWith(services: readonly Service[]): Promise<{ socket: string; added: Service[]; removed: string[] }> {
  const added: Service[] = [];
  const removed: string[] = [];
  const socket = await startController({
    listNodes: () => ({ nodes: [aNode()], nextPageToken: '' }),
    listServices: ({ name }) => ({ services: services.filter((service) => name === '' || service.name === name), nextPageToken: '' }),
    addService: ({ service }) => {
      added.push(service as Service);
      return { service: { ...(service as Service), id: 's-new' }, revision: 2n };
    },
    removeService: ({ service }) => {
      removed.push(service);
      return { services: [], revision: 3n };
    },
  });
  return { socket, added, removed };
}
