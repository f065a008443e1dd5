// A controller and a node in one process: no root, no packets, everything else as in production.
import { join } from 'node:path';
import { createJoinString, joinNode, parseClientConfig, parseServerConfig, silentLog, startAgent, startServer } from '../src/index.js';

/** Starts a controller below `folder`, lets a node join it, and tells the node's address. */
export async function embed(folder: string): Promise<string> {
  const at = { ip: '127.0.0.1', bindAddress: '127.0.0.1', port: 0, grpcPort: 0, bootstrapPort: 0, metrics: { listen: '' } };
  const serverConfig = { server: { ...at, workDir: join(folder, 'server'), adminSocket: join(folder, 'admin.sock') } };
  const clientConfig = { client: { stateDir: join(folder, 'node'), device: 'recorded', name: 'web-1' } };

  const server = await startServer(parseServerConfig(JSON.stringify(serverConfig), 'embedded'), { log: silentLog });
  try {
    const config = parseClientConfig(JSON.stringify(clientConfig), 'embedded');
    const { name, bindIp } = await joinNode(config, await createJoinString(server.adminSocket));
    const agent = await startAgent(config);
    await agent.ready;
    await agent.stop();
    return `${name} ${bindIp}`;
  } finally {
    await server.stop();
  }
}
