import { serverName } from '../domain/certificate.js';
import { DomainError } from '../domain/errors.js';
import { BootstrapServiceClient, type RecoverRequest, type RecoverResponse } from '../gen/networkcontroller/v1/bootstrap.js';
import { NodeServiceClient, SignalRequest } from '../gen/networkcontroller/v1/node.js';
import { callStream, callUnary, connect, openDuplex, type ClientTls } from '../platform/rpc-client.js';
import { CaBundle } from '../platform/x509/ca-bundle.js';
import { toPem } from '../platform/x509/pem.js';
import type { ControlSession } from './control-session.js';
import { KeptLeases } from './services/kept-leases.js';
import type { Membership } from './state/membership.js';

const identities = new WeakMap<Membership, ClientTls>();

/** What a node shows and believes on 6440: its gRPC certificate, and the gRPC CAs of its bundle. The same object for the same membership. */
export function nodeTls(membership: Membership): ClientTls {
  const known = identities.get(membership);
  if (known !== undefined) return known;
  const { keys, grpcCertificate, bundle, facts } = membership;
  const tls = {
    ca: new CaBundle(bundle.grpc?.certificates ?? []).pem,
    serverName: serverName(facts.clusterId),
    identity: { certificate: toPem(grpcCertificate), key: keys.grpc },
  };
  identities.set(membership, tls);
  return tls;
}

/** What a node shows and believes when its packets take a TCP connection: its network certificate, and the gRPC CAs of its bundle. */
export function relayTls({ keys, networkCertificate, bundle, facts }: Membership): ClientTls {
  return {
    ca: new CaBundle(bundle.grpc?.certificates ?? []).pem,
    serverName: serverName(facts.clusterId),
    identity: { certificate: toPem(networkCertificate), key: keys.network },
  };
}

/** Opens a connection to a control listener; it is made with the first call. */
export function openNodeClient(endpoint: string, membership: Membership): NodeServiceClient {
  return connect(NodeServiceClient, { address: endpoint, tls: nodeTls(membership) });
}

/** A {@link ControlSession} over mutual TLS. */
export function openSession(endpoint: string, membership: Membership): ControlSession {
  const client = openNodeClient(endpoint, membership);
  const ended = new AbortController();
  const leases = new KeptLeases((events) => openDuplex(client, 'keepServices', { signal: ended.signal, ...events }));
  return {
    watch: (request) => callStream(client, 'watch', request, { signal: ended.signal }),
    report: (request) => callUnary(client, 'report', request),
    signal: async (signals) => (await callUnary(client, 'signal', SignalRequest.fromPartial({ signals: [...signals] }))).undelivered,
    renew: (request) => callUnary(client, 'renew', request),
    register: (service) => callUnary(client, 'registerService', { service }),
    renewServices: (states, events) => leases.renew(states, events),
    deregister: (id) => callUnary(client, 'deregisterService', { id }),
    close: () => {
      ended.abort();
      client.close();
    },
  };
}

/** What a controller says to a node that it will not take back; another one of the cluster would say the same. */
export const LASTING_REFUSALS: ReadonlySet<string> = new Set(['node_revoked', 'node_unknown', 'proof_invalid']);

/**
 * Asks for new certificates without one, at the bootstrap listeners in turn.
 *
 * @throws DomainError the refusal; `unavailable` or `timeout` when none answered.
 */
export async function recoverAnywhere({ facts, bundle }: Membership, request: RecoverRequest): Promise<RecoverResponse> {
  const tls = { ca: new CaBundle(bundle.grpc?.certificates ?? []).pem, serverName: serverName(facts.clusterId) };
  let failure: unknown = new DomainError('unavailable', 'no bootstrap listener is known');
  for (const address of facts.bootstrapEndpoints) {
    const client = connect(BootstrapServiceClient, { address, tls });
    try {
      return await callUnary(client, 'recover', request);
    } catch (error) {
      if (error instanceof DomainError && LASTING_REFUSALS.has(error.code)) throw error;
      failure = error;
    } finally {
      client.close();
    }
  }
  throw failure;
}
