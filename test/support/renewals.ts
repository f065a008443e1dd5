import { serverName } from '../../src/domain/certificate.js';
import { BootstrapServiceClient, type RecoverRequest, type RecoverResponse } from '../../src/gen/networkcontroller/v1/bootstrap.js';
import { ReportRequest } from '../../src/gen/networkcontroller/v1/node.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { makeCsr } from '../../src/platform/x509/csr.js';
import { signP256, type P256KeyPair } from '../../src/platform/x509/p256.js';
import { machineKeys, type MachineKeys, type Member, type TestServer } from './server.js';

/** The heartbeat: the plainest call that needs a good certificate. */
export function report(server: TestServer, member: Member, bundleVersion = 0): Promise<unknown> {
  return callUnary(server.control(member), 'report', ReportRequest.fromPartial({ bundleVersion }));
}

/** `member` with new keys and certificates. */
export async function renewed(server: TestServer, member: Member): Promise<Member> {
  const keys = machineKeys();
  const answer = await callUnary(server.control(member), 'renew', csrsOf(keys));
  return { ...member, ...answer, keys };
}

/** What `member` would do after its certificate ran out; `signer` and `change` make it another. */
export async function recovered(server: TestServer, member: Member, { signer = member.keys.grpc, change = {} }: { signer?: P256KeyPair; change?: Partial<RecoverRequest> } = {}): Promise<Member> {
  const keys = machineKeys();
  const csrs = csrsOf(keys);
  const signature = signP256(Buffer.concat([csrs.grpcCsr, csrs.networkCsr]), signer.privateKey);
  const tls = { ca: member.caPem, serverName: serverName(member.clusterId) };
  const client = connect(BootstrapServiceClient, { address: `127.0.0.1:${server.ports.bootstrap}`, tls });
  try {
    const answer: RecoverResponse = await callUnary(client, 'recover', { nodeToken: member.nodeToken, ...csrs, signature, ...change });
    return { ...member, ...answer, keys };
  } finally {
    client.close();
  }
}

function csrsOf(keys: MachineKeys): { grpcCsr: Buffer; networkCsr: Buffer } {
  return { grpcCsr: makeCsr(keys.grpc, 'node'), networkCsr: makeCsr(keys.network, 'node') };
}
