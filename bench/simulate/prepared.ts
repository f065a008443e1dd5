import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseServerConfig } from '../../src/platform/config/server-config.js';
import { openPki } from '../../src/server/pki/pki.js';
import { runBenchServer, serverSettings, type BenchServer } from '../server.js';
import { startBareServer, type BareServer } from './bare.js';
import { readMembers, writeMembers } from './member.js';
import { prepareMembers } from './prepare.js';

/** A server's folder with nodes in it, and where the server will listen; it can be started again and again. */
export interface Prepared {
  /** The file of its nodes, for a fleet. */
  readonly path: string;
  /** "host:port" of the control listener. */
  readonly endpoint: string;
  /** "host:port" of its figures. */
  readonly metrics: string;
  start(): Promise<BenchServer>;
  /** Listens at the same place with nothing behind it. */
  startBare(): Promise<BareServer>;
  /** Removes the folder. */
  remove(): void;
}

/** Makes it. @param servicesEach What each node offers. @param more Settings as server.yml has them. */
export async function prepare(nodes: number, progress: (line: string) => void, more: object = {}, servicesEach = 0): Promise<Prepared> {
  const folder = mkdtempSync(join(tmpdir(), 'nc-bench-'));
  const [grpcPort, metricsPort] = await freePorts(2);
  const metrics = `127.0.0.1:${metricsPort}`;
  const settings = serverSettings(folder, { grpcPort, metrics: { listen: metrics }, ...more });
  const config = parseServerConfig(JSON.stringify({ server: settings }), join(folder, 'server.yml'));
  const path = join(folder, 'members');
  writeMembers(path, await prepareMembers({ config, nodes, servicesEach, progress: (done) => progress(`${done} of ${nodes} nodes made`) }));
  return {
    path,
    endpoint: `127.0.0.1:${grpcPort}`,
    metrics,
    start: () => runBenchServer(folder, settings),
    async startBare() {
      const pki = await openPki({ dir: join(config.workDir, 'pki'), clusterId: readMembers(path, 0, 1).members[0]!.facts.clusterId });
      const { chainPem, privateKeyPem } = pki.issueServerCertificate({ hosts: ['127.0.0.1'], nowMs: Date.now() });
      return startBareServer({ ca: pki.caPem('grpc'), certificate: chainPem, key: privateKeyPem, port: grpcPort! });
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** Ports that are free now; a listener that comes back must find its own again. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
