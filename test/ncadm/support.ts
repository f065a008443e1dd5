import { PassThrough } from 'node:stream';
import { Node, Token, type AdminServiceService, type WatchEventsRequest, type WatchEventsResponse } from '../../src/gen/networkcontroller/v1/admin.js';
import { NodeState, PathKind, Service } from '../../src/gen/networkcontroller/v1/types.js';
import { run } from '../../src/ncadm/run.js';
import type { HandlersOf } from '../../src/server/transport/handler.js';
import { ManualClock } from '../support/clock.js';
import { adminService, startUnixTestListener } from '../support/rpc-listener.js';

/** What the tests take for now. */
export const NOW = Date.UTC(2026, 4, 12, 18, 41, 11);

type AdminHandlers = HandlersOf<typeof AdminServiceService>;

/** What a test's controller answers, by method; the other methods fail. A thrown `DomainError` is a refusal. */
export type Answers = {
  [Name in Exclude<keyof AdminHandlers, 'watchEvents'>]?: (request: Parameters<AdminHandlers[Name]>[0]) => Awaited<ReturnType<AdminHandlers[Name]>>;
} & { watchEvents?: (request: WatchEventsRequest) => readonly WatchEventsResponse[] };

/** Starts a controller that answers admins on a unix socket, and gives the socket's path. */
export async function startController({ watchEvents, ...unary }: Answers): Promise<string> {
  const asynchronous = Object.entries(unary).map(([name, answer]) => [name, async (request: never) => (answer as (request: never) => unknown)(request)]);
  const handlers = Object.fromEntries(asynchronous) as Partial<AdminHandlers>;
  const { socketPath } = await startUnixTestListener([adminService({ ...handlers, ...(watchEvents && { watchEvents: sending(watchEvents) }) })]);
  return socketPath;
}

/** How one run of `ncadm` ended. */
export interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a run of `ncadm` finds around it. */
export interface Surroundings {
  readonly stdin?: string;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly env?: Record<string, string>;
}

/** Runs `ncadm` with these words. */
export async function ncadm(argv: readonly string[], { stdin = '', isTTY = false, columns = 200, env = {} }: Surroundings = {}): Promise<Run> {
  const captured = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({ isTTY, columns, write: (text: string) => void (captured[name] += text) });
  const input = Object.assign(new PassThrough(), { isTTY });
  input.end(stdin);
  const exitCode = await run(argv, { stdin: input, stdout: stream('stdout'), stderr: stream('stderr'), env }, new ManualClock(NOW));
  return { exitCode, ...captured };
}

/** A connected node. */
export function aNode(fields: Parameters<typeof Node.create>[0] = {}): Node {
  return Node.create({
    id: 'n-1',
    name: 'web-1',
    network: 'default',
    bindIp: '10.66.0.2',
    state: NodeState.NODE_STATE_CONNECTED,
    endpoint: '203.0.113.7:51820',
    path: PathKind.PATH_KIND_DIRECT,
    lastSeenMs: NOW - 3_000,
    version: '0.1.0',
    createdAtMs: NOW - 86_400_000,
    ...fields,
  });
}

/** A token for one node, good for ten minutes. */
export function aToken(fields: Parameters<typeof Token.create>[0] = {}): Token {
  return Token.create({
    id: '3f0c9a6be1d24c55',
    network: 'default',
    createdAtMs: NOW,
    expiresAtMs: NOW + 600_000,
    maxUses: 1,
    createdBy: 'local',
    state: 'usable',
    ...fields,
  });
}

/** A service on the node of {@link aNode}. */
export function aService(fields: Parameters<typeof Service.create>[0] = {}): Service {
  return Service.create({ id: 's-1', name: 'registry', network: 'default', nodeId: 'n-1', port: 5000, protocol: 'tcp', createdAtMs: NOW, ...fields });
}

function sending(events: (request: WatchEventsRequest) => readonly WatchEventsResponse[]): AdminHandlers['watchEvents'] {
  return (request, _caller, sink) => {
    for (const event of events(request)) sink.write(event);
    sink.end();
  };
}
