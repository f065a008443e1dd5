import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { AdminServiceClient, CreateTokenRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import type { Clock } from '../../src/platform/clock.js';
import { silentLog } from '../../src/platform/log.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { startServer, type RunningServer } from '../../src/server/app.js';
import { parseServerConfig } from '../../src/platform/config/server-config.js';

/** A real controller on free ports of 127.0.0.1, and the admin beside it. */
export interface Controller {
  readonly server: RunningServer;
  readonly workDir: string;
  readonly admin: AdminServiceClient;
  /** Makes a bootstrap token. @returns its join string. */
  joinString(change?: Partial<CreateTokenRequest>): Promise<string>;
  /** Stops the server as SIGTERM does. */
  stop(): Promise<void>;
}

/** How a test's controller differs from a plain one. */
export interface ControllerOptions {
  /** Kept by the caller; a temporary folder otherwise. */
  readonly workDir?: string;
  readonly clock?: Clock;
}

/**
 * Starts a controller that is gone when the test is over.
 *
 * @param settings Keys below `server:` of its server.yml.
 */
export async function startController(settings: Record<string, unknown> = {}, options: ControllerOptions = {}): Promise<Controller> {
  const controller = await openController(settings, options);
  onTestFinished(() => controller.stop());
  return controller;
}

/** Starts a controller that the caller stops: for several tests that do not mind each other's nodes. */
export async function openController(settings: Record<string, unknown> = {}, options: ControllerOptions = {}): Promise<Controller> {
  const folder = mkdtempSync(join(tmpdir(), 'nc-test-'));
  const { workDir = join(folder, 'server'), ...deps } = options;
  const adminSocket = join(folder, 'admin.sock');
  const server = { ip: '127.0.0.1', bindAddress: '127.0.0.1', port: 0, grpcPort: 0, bootstrapPort: 0, httpsPort: 0, workDir, adminSocket, metrics: { listen: '' }, ...settings };
  const running = await startServer(parseServerConfig(JSON.stringify({ server }), 'test.yml'), { log: silentLog, ...deps });
  const admin = connect(AdminServiceClient, { socketPath: adminSocket });
  return {
    server: running,
    workDir,
    admin,
    joinString: async (change = {}) => (await callUnary(admin, 'createToken', CreateTokenRequest.fromPartial(change))).join,
    async stop() {
      admin.close();
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
