import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { AdminServiceClient, type CreateTokenRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { CreateTokenRequest as TokenRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { silentLog } from '../../src/platform/log.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { startServer, type RunningServer } from '../../src/server/app.js';
import { parseServerConfig } from '../../src/server/config.js';
import { tmpDir } from './tmp-dir.js';

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

/**
 * Starts a controller that is gone when the test is over.
 *
 * @param settings Lines below `server:` of its server.yml; JSON is YAML.
 */
export async function startController(settings: Record<string, unknown> = {}, workDir = join(tmpDir(), 'server')): Promise<Controller> {
  const adminSocket = join(tmpDir(), 'admin.sock');
  const server = { ip: '127.0.0.1', bindAddress: '127.0.0.1', port: 0, grpcPort: 0, bootstrapPort: 0, workDir, adminSocket, ...settings };
  const running = await startServer(parseServerConfig(JSON.stringify({ server }), 'test.yml'), { log: silentLog });
  const admin = connect(AdminServiceClient, { socketPath: adminSocket });
  const stop = async (): Promise<void> => {
    admin.close();
    await running.stop();
  };
  onTestFinished(stop);
  return {
    server: running,
    workDir,
    admin,
    stop,
    joinString: async (change = {}) => (await callUnary(admin, 'createToken', TokenRequest.fromPartial({ ...change }))).join,
  };
}
