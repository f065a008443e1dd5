import { createHash } from 'node:crypto';
import { parseJoinString } from '../../src/domain/join-string.js';
import { RegisterRequest, type BootstrapServiceClient } from '../../src/gen/networkcontroller/v1/bootstrap.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { makeWireGuardProof } from '../../src/platform/wireguard/proof.js';
import { makeCsr } from '../../src/platform/x509/csr.js';
import { machineKeys, type Member, type MachineKeys } from '../support/server.js';

/** A machine that wants to become a node: the same one however often it asks, and whomever. */
export class Machine {
  readonly keys: MachineKeys = machineKeys();
  /** The id of its request, as the node's record has it. */
  readonly requestId: string;
  readonly #csrs = [makeCsr(this.keys.grpc, 'node'), makeCsr(this.keys.network, 'node')] as const;

  constructor() {
    const { grpc, network, wireGuard } = this.keys;
    this.requestId = createHash('sha256').update(grpc.spki).update(network.spki).update(wireGuard.publicKey).digest('hex');
  }

  /** Asks a server once. @throws DomainError as the server says. */
  async register(client: BootstrapServiceClient, join: string, deadlineMs: number): Promise<Omit<Member, 'caPem'>> {
    const { token } = parseJoinString(join);
    const [grpcCsr, networkCsr] = this.#csrs;
    const offer = await callUnary(client, 'beginRegister', {}, { deadlineMs });
    const wgPublicKey = this.keys.wireGuard.publicKey;
    const wgProof = makeWireGuardProof(this.keys.wireGuard.privateKey, offer.serverKey, { nonce: offer.nonce, wgPublicKey, grpcCsr, networkCsr });
    const bootstrapToken = `${token.id}.${token.secret.reveal()}`;
    const request = RegisterRequest.fromPartial({ bootstrapToken, hostname: 'machine', grpcCsr, networkCsr, wgPublicKey, wgProof, cookie: offer.cookie });
    return { ...(await callUnary(client, 'register', request, { deadlineMs })), keys: this.keys };
  }
}
