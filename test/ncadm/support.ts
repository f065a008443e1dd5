import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Metadata, Server, ServerCredentials, status, type handleUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import type { ErrorCode } from '../../src/domain/errors.js';
import {
  AdminServiceService,
  Node,
  Token,
  type AdminServiceServer,
  type WatchEventsRequest,
  type WatchEventsResponse,
} from '../../src/gen/networkcontroller/v1/admin.js';
import { NodeState, PathKind, Service } from '../../src/gen/networkcontroller/v1/types.js';
import { run } from '../../src/ncadm/run.js';
import { ManualClock } from '../support/clock.js';
import { tmpDir } from '../support/tmp-dir.js';

/** What the tests take for now. */
export const NOW = Date.UTC(2026, 4, 12, 18, 41, 11);

/** What a unary method answers, given its request. */
type Answer<Method> = Method extends handleUnaryCall<infer Request, infer Response> ? (request: Request) => Response : never;

/** The methods that a test's controller answers; the others say UNIMPLEMENTED. */
export type Answers = { [Name in Exclude<keyof AdminServiceServer, 'watchEvents' | number | symbol>]?: Answer<AdminServiceServer[Name]> } & {
  watchEvents?: (request: WatchEventsRequest) => readonly WatchEventsResponse[];
};

/** A refusal as the controller sends it. */
export class Refusal extends Error {
  constructor(
    readonly code: ErrorCode,
    readonly sentence: string,
  ) {
    super(sentence);
  }
}

/** Starts a controller that answers admins on a unix socket, and gives the socket's path. */
export async function startController(answers: Answers): Promise<string> {
  const server = new Server();
  server.addService(AdminServiceService, implementation(answers) as never);
  const socket = join(tmpDir(), 'admin.sock');
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error))),
  );
  onTestFinished(() => server.forceShutdown());
  return socket;
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

function implementation({ watchEvents, ...unary }: Answers): Record<string, unknown> {
  const handlers = Object.entries(AdminServiceService).map(([path]) => [path, unaryHandler(unary[path as keyof typeof unary])]);
  return {
    ...Object.fromEntries(handlers),
    watchEvents: (call: ServerWritableStream<WatchEventsRequest, WatchEventsResponse>) => {
      for (const event of watchEvents?.(call.request) ?? []) call.write(event);
      call.end();
    },
  };
}

function unaryHandler(answer: unknown): unknown {
  return (call: { request: unknown }, callback: (error: unknown, response?: unknown) => void) => {
    try {
      if (typeof answer !== 'function') throw new Refusal('internal', 'the test gives no answer');
      callback(null, (answer as (request: unknown) => unknown)(call.request));
    } catch (error) {
      callback(toServiceError(error as Error));
    }
  };
}

function toServiceError(error: Error) {
  if (!(error instanceof Refusal)) return { code: status.INTERNAL, details: String(error) };
  const metadata = new Metadata();
  metadata.set('nc-error-code', error.code);
  return { code: status.FAILED_PRECONDITION, details: `${error.code}: ${error.sentence}`, metadata };
}
