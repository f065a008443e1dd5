import { join } from 'node:path';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { AdminServiceService } from '../../src/gen/networkcontroller/v1/admin.js';
import { BootstrapServiceService } from '../../src/gen/networkcontroller/v1/bootstrap.js';
import { NodeServiceService } from '../../src/gen/networkcontroller/v1/node.js';
import type { ClientTls, RpcTarget } from '../../src/platform/rpc-client.js';
import type { Log, LogFields } from '../../src/platform/log.js';
import { asAnonymous, asLocal, type Authenticate } from '../../src/server/auth/authenticate.js';
import { parseServerConfig, type LimitSettings } from '../../src/platform/config/server-config.js';
import { startGrpcServer, type GrpcServer } from '../../src/server/transport/grpc-server.js';
import type { HandlersOf } from '../../src/server/transport/handler.js';
import { ServerTls } from '../../src/server/transport/server-tls.js';
import { service, type Service } from '../../src/server/transport/service.js';
import { testCa, testLeaf, type TestCa, type TestLeaf } from './test-ca.js';
import { tmpDir } from './tmp-dir.js';

export const SERVER_NAME = 'server.c1.nc.internal';

export const DEFAULT_LIMITS: LimitSettings = parseServerConfig('', 'server.yml').limits;

/** Handlers for all methods of which `given` are real; the others fail like a bug. */
export function handlers<D extends ServiceDefinition>(definition: D, given: Partial<HandlersOf<D>>): HandlersOf<D> {
  const missing = Object.keys(definition).map((name) => [name, () => Promise.reject(new Error(`${name} is not part of this test`))]);
  return { ...Object.fromEntries(missing), ...given } as HandlersOf<D>;
}

export const adminService = (given: Partial<HandlersOf<typeof AdminServiceService>>): Service => service(AdminServiceService, handlers(AdminServiceService, given));
export const nodeService = (given: Partial<HandlersOf<typeof NodeServiceService>>): Service => service(NodeServiceService, handlers(NodeServiceService, given));
export const bootstrapService = (given: Partial<HandlersOf<typeof BootstrapServiceService>>): Service =>
  service(BootstrapServiceService, handlers(BootstrapServiceService, given));

/** A log that remembers its lines. */
export function recordedLog(): { log: Log; lines: { level: string; message: string; fields: LogFields }[] } {
  const lines: { level: string; message: string; fields: LogFields }[] = [];
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}): void =>
      void lines.push({ level, message, fields });
  return { log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }, lines };
}

/** A real listener on a free port of the loopback, with a CA of its own and a log that remembers. */
export interface TestListener {
  readonly server: GrpcServer;
  readonly ca: TestCa;
  readonly tls: ServerTls;
  readonly lines: ReturnType<typeof recordedLog>['lines'];
  /** Where a client without certificate finds it. */
  readonly target: RpcTarget & { address: string; tls: ClientTls };
  /** Where a client with `leaf` finds it. */
  as(leaf: TestLeaf): RpcTarget;
}

export interface TestListenerOptions {
  readonly services: readonly Service[];
  readonly mutual?: boolean;
  readonly authenticate?: Authenticate;
  readonly limits?: Partial<LimitSettings>;
  readonly messageBytes?: number;
  readonly handshakeTimeoutMs?: number;
  readonly drainMs?: number;
}

export async function startTlsTestListener(options: TestListenerOptions): Promise<TestListener> {
  const ca = testCa();
  const leaf = testLeaf(ca, { names: { dns: [SERVER_NAME] }, usages: ['serverAuth'] });
  const tls = new ServerTls({ chainPem: leaf.pem + ca.pem, privateKeyPem: leaf.keyPem, ...(options.mutual && { clientCaPem: ca.pem }) });
  const { log, lines } = recordedLog();
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const server = await startGrpcServer({
    listen: { key: 'server.grpcPort', host: '127.0.0.1', port: 0, tls, limits, handshakeTimeoutMs: options.handshakeTimeoutMs ?? 5_000 },
    services: options.services,
    authenticate: options.authenticate ?? asAnonymous,
    messageBytes: options.messageBytes ?? limits.messageBytes,
    log,
    drainMs: options.drainMs ?? 1_000,
  });
  onTestFinished(() => server.stop());
  const target = { address: `127.0.0.1:${server.port}`, tls: { ca: ca.pem, serverName: SERVER_NAME } };
  const as = (client: TestLeaf): RpcTarget => ({ ...target, tls: { ...target.tls, identity: { certificate: client.pem, key: client.keyPem } } });
  return { server, ca, tls, lines, target, as };
}

/** A real listener on a unix socket. */
export async function startUnixTestListener(services: readonly Service[], socketPath = join(tmpDir(), 'run', 'admin.sock')): Promise<{ server: GrpcServer; socketPath: string }> {
  const server = await startGrpcServer({ listen: { socketPath }, services, authenticate: asLocal, messageBytes: DEFAULT_LIMITS.messageBytes, log: recordedLog().log });
  onTestFinished(() => server.stop());
  return { server, socketPath };
}
