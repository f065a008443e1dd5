import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { serverName } from '../../src/domain/certificate.js';
import { CreateRelayRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { RelayServiceClient } from '../../src/gen/networkcontroller/v1/relay.js';
import type { ServerConfig } from '../../src/platform/config/server-config.js';
import { silentLog } from '../../src/platform/log.js';
import { callUnary, connect, type RpcTarget } from '../../src/platform/rpc-client.js';
import { systemClock } from '../../src/platform/clock.js';
import { CaBundle } from '../../src/platform/x509/ca-bundle.js';
import { toPem } from '../../src/platform/x509/pem.js';
import { enrolRelay } from '../../src/server/relay/enrol.js';
import { RelayState, type RelayMembership } from '../../src/server/relay/relay-state.js';
import { startRelay, type RunningRelay } from '../../src/server/relay/start-relay.js';
import { testConfig, type TestServer } from './server.js';
import { tmpDir } from './tmp-dir.js';

/** Where the tests' relays say they are. */
export const RELAY_ENDPOINT = '192.0.2.7:6441';

/** A relay that has enrolled and does not run yet. */
export interface EnrolledRelay {
  readonly name: string;
  readonly config: ServerConfig;
  readonly membership: RelayMembership;
}

/** Makes the join string of a relay. */
export async function relayJoin(server: TestServer, name: string, wanted: Partial<CreateRelayRequest> = {}): Promise<string> {
  return (await callUnary(server.admin, 'createRelay', CreateRelayRequest.fromPartial({ name, endpoints: [RELAY_ENDPOINT], ...wanted }))).join;
}

/** Invites and enrols a relay, in a folder of its own. */
export async function enrolled(server: TestServer, name: string): Promise<EnrolledRelay> {
  const dir = tmpDir();
  const config = testConfig(dir, ['workDir: relay']);
  await enrolRelay(join(dir, 'relay'), await relayJoin(server, name), { clock: systemClock });
  return { name, config, membership: (await (await RelayState.open(config.workDir)).membership())! };
}

/** Runs an enrolled relay until the test is over. */
export async function runRelay({ config }: EnrolledRelay): Promise<RunningRelay> {
  const relay = await startRelay(config, { log: silentLog });
  onTestFinished(() => relay.stop());
  return relay;
}

/** How a relay reaches the control listener. */
export function relayTarget(server: TestServer, { membership }: EnrolledRelay): RpcTarget {
  const { bundle, clusterId, grpcCertificate, keys } = membership;
  const identity = { certificate: toPem(grpcCertificate), key: keys.grpc };
  return { address: `127.0.0.1:${server.ports.control}`, tls: { ca: new CaBundle(bundle.grpc!.certificates).pem, serverName: serverName(clusterId), identity } };
}

/** The control listener as a relay calls it. */
export function asRelay(target: RpcTarget): RelayServiceClient {
  const client = connect(RelayServiceClient, target);
  onTestFinished(() => client.close());
  return client;
}
