import { describe, expect, it } from 'vitest';
import type { Node } from '../../src/gen/networkcontroller/v1/admin.js';
import { NodeState } from '../../src/gen/networkcontroller/v1/types.js';
import { DomainError } from '../../src/domain/errors.js';
import { aNode, ncadm, startController } from './support.js';

const WEB = aNode();
const DB = aNode({ id: 'n-2', name: 'db', bindIp: '10.66.0.3', state: NodeState.NODE_STATE_IDLE, lastSeenMs: 0 });
const OTHER_DB = aNode({ id: 'n-3', name: 'db', network: 'lab', bindIp: '10.77.0.2' });

describe('the target of ncadm node', () => {
  it.each([
    ['show', ['show', 'nobody']],
    ['rename', ['rename', 'nobody', 'web-2']],
    ['unregister', ['unregister', 'nobody', '--yes']],
    ['revoke', ['revoke', 'nobody', '--yes']],
  ])('is refused by %s when no node matches', async (_verb, words) => {
    const { socket, changed } = await controllerWith([WEB, DB]);

    const { exitCode, stderr } = await ncadm(['--socket', socket, 'node', ...words]);

    expect([exitCode, stderr]).toEqual([1, 'ncadm: node_unknown: no node has the id or name "nobody"\n  See the nodes: ncadm node list.\n']);
    expect(changed).toEqual([]);
  });

  it('is never guessed: several matches are listed', async () => {
    const { socket, changed } = await controllerWith([WEB, DB, OTHER_DB]);

    const { exitCode, stderr } = await ncadm(['--socket', socket, 'node', 'unregister', 'db']);

    expect(exitCode).toBe(1);
    expect(stderr).toContain('"db" matches several nodes: db (n-2, network default), db (n-3, network lab)');
    expect(changed).toEqual([]);
  });

  it('is not a part of a name, but the nearest names are told', async () => {
    const { socket } = await controllerWith([WEB, DB]);

    const { stderr } = await ncadm(['--socket', socket, 'node', 'show', 'web']);

    expect(stderr).toContain('no node has the id or name "web"; did you mean web-1 (n-1, network default)');
  });

  it.each([
    ['its name', ['web-1'], 'n-1'],
    ['its id', ['n-2'], 'n-2'],
    ['its name in a network', ['db', '--network', 'lab'], 'n-3'],
    ['its node token', ['ncn1_n-2.secret'], 'n-2'],
  ])('may be %s', async (_what, words, id) => {
    const { socket, changed } = await controllerWith([WEB, DB, OTHER_DB]);

    const { exitCode } = await ncadm(['--socket', socket, 'node', 'unregister', ...words]);

    expect([exitCode, changed]).toEqual([0, [id]]);
  });

  it('does not show a join string that was given by mistake', async () => {
    const { socket } = await controllerWith([WEB]);

    const { exitCode, stderr } = await ncadm(['--socket', socket, 'node', 'show', `ncj1_${'a'.repeat(16)}.hushhushhushhushhushhu.pin@h:1`]);

    expect(exitCode).toBe(1);
    expect(stderr).not.toContain('hushhush');
  });

  it('does not show the node token when it is unknown', async () => {
    const { socket } = await controllerWith([WEB]);

    const { exitCode, stderr } = await ncadm(['--socket', socket, 'node', 'show', 'ncn1_n-9.hushhush']);

    expect(exitCode).toBe(1);
    expect(stderr).not.toContain('hushhush');
  });
});

describe('ncadm node', () => {
  it('refuses a new name that is no DNS label before it asks', async () => {
    const { exitCode, stderr } = await ncadm(['--socket', '/nowhere', 'node', 'rename', 'web-1', 'Web 1']);

    expect(exitCode).toBe(2);
    expect(stderr).toContain('want a lower-case DNS label');
  });

  it.each(['unregister', 'revoke'])('leaves the reserved node alone when told to %s it', async (verb) => {
    const refuse = () => {
      throw new DomainError('node_reserved', 'reserverd is the controller itself');
    };
    const socket = await startController({ listNodes: () => ({ nodes: [aNode({ name: 'reserverd' })], nextPageToken: '' }), unregisterNode: refuse, revokeNode: refuse });

    const { exitCode, stderr } = await ncadm(['--socket', socket, 'node', verb, 'reserverd', '--yes']);

    expect(exitCode).toBe(1);
    expect(stderr).toContain('ncadm: node_reserved: reserverd is the controller itself');
  });

  it('names whom it is about to unregister, and stops without a yes', async () => {
    const { socket, changed } = await controllerWith([WEB]);

    const { exitCode, stderr } = await ncadm(['--socket', socket, 'node', 'unregister', 'web-1'], { isTTY: true, stdin: 'no\n' });

    expect([exitCode, changed]).toEqual([1, []]);
    expect(stderr).toContain('Unregister web-1 (10.66.0.2, network default)?');
  });

  it('renames and restates the effect', async () => {
    const { socket } = await controllerWith([WEB]);

    const { stdout } = await ncadm(['--socket', socket, 'node', 'rename', 'web-1', 'shop']);

    expect(stdout).toBe('Node web-1 is now shop (10.66.0.2)\n');
  });

  it('lists a line for each node, in the state asked for', async () => {
    const { socket } = await controllerWith([WEB, DB]);

    const { stdout } = await ncadm(['--socket', socket, 'node', 'list', '--state', 'idle']);

    expect(stdout.trimEnd().split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['NAME', 'STATE', 'ADDRESS', 'PATH', 'ENDPOINT', 'LAST SEEN', 'VERSION'],
      ['db', '○ idle', '10.66.0.3', 'direct', '203.0.113.7:51820', 'never', '0.1.0'],
    ]);
  });

  it('refuses a state that is none', async () => {
    const { exitCode, stderr } = await ncadm(['node', 'list', '--state', 'asleep']);

    expect(exitCode).toBe(2);
    expect(stderr).toContain('idle, init, connected');
  });

  it('gives programs every field of a node', async () => {
    const { socket } = await controllerWith([aNode({ wgPublicKey: Buffer.alloc(32, 1), appliedRevision: 9n, labels: ['rack-4'] })]);

    const { stdout } = await ncadm(['--socket', socket, 'node', 'show', 'web-1', '-o', 'json']);

    expect(JSON.parse(stdout)).toEqual({
      id: 'n-1',
      name: 'web-1',
      network: 'default',
      bindIp: '10.66.0.2',
      bindIp6: '',
      state: 'connected',
      endpoint: '203.0.113.7:51820',
      path: 'direct',
      lastSeen: '2026-05-12T18:41:08.000Z',
      version: '0.1.0',
      labels: ['rack-4'],
      tokenId: '',
      appliedRevision: '9',
      reserved: false,
      staticAddress: false,
      ephemeral: false,
      createdAt: '2026-05-11T18:41:11.000Z',
      certificateExpiresAt: null,
      wgPublicKey: 'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=',
    });
  });
});

/** A controller with these nodes; `changed` gets the id of each node that was renamed, unregistered or revoked. */
async function controllerWith(nodes: readonly Node[]): Promise<{ socket: string; changed: string[] }> {
  const changed: string[] = [];
  const byId = (id: string): Node => {
    const node = nodes.find((each) => each.id === id);
    if (node === undefined) throw new DomainError('node_unknown', 'no node has this id');
    changed.push(id);
    return node;
  };
  const socket = await startController({
    listNodes: ({ network, state }) => ({
      nodes: nodes.filter((node) => (network === '' || node.network === network) && (state === NodeState.NODE_STATE_UNSPECIFIED || node.state === state)),
      nextPageToken: '',
    }),
    getNode: ({ node: token }) => ({ node: nodes.find(({ id }) => token.startsWith(`ncn1_${id}.`)) }),
    renameNode: ({ node, name }) => ({ node: { ...byId(node), name }, revision: 2n }),
    unregisterNode: ({ node }) => ({ node: byId(node), revision: 2n }),
    revokeNode: ({ node }) => ({ node: byId(node), revision: 2n }),
  });
  return { socket, changed };
}
