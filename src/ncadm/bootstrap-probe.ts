import { serverName } from '../domain/certificate.js';
import { DomainError } from '../domain/errors.js';
import type { GetStatusResponse } from '../gen/networkcontroller/v1/admin.js';
import { BootstrapServiceClient, HealthCheckRequest } from '../gen/networkcontroller/v1/bootstrap.js';
import { callUnary, connect } from '../platform/rpc-client.js';
import { toPem } from '../platform/x509/pem.js';

/** Long enough for a far listener, short enough to wait for. */
const DEADLINE_MS = 5_000;

/** How a listener answered. */
export interface ListenerHealth {
  readonly listener: 'control' | 'bootstrap';
  readonly address: string;
  readonly status: 'serving' | 'not-serving' | 'unreachable';
  /** The server's state, or why it is unreachable. */
  readonly detail: string;
}

/** Asks every bootstrap listener that the controller names for its health, as a machine that wants to join would reach it. */
export function probeBootstrap({ bootstrapEndpoints, grpcCas, cluster }: GetStatusResponse): Promise<ListenerHealth[]> {
  const ca = (grpcCas?.certificates ?? []).map((der) => toPem(der)).join('');
  const tls = { ca, serverName: serverName(cluster?.id ?? '') };
  return Promise.all(bootstrapEndpoints.map((address) => probe(address, tls)));
}

async function probe(address: string, tls: { ca: string; serverName: string }): Promise<ListenerHealth> {
  const client = connect(BootstrapServiceClient, { address, tls });
  try {
    const { code, state } = await callUnary(client, 'healthCheck', HealthCheckRequest.create(), { deadlineMs: DEADLINE_MS });
    return { listener: 'bootstrap', address, status: code === '200' && state !== 'draining' ? 'serving' : 'not-serving', detail: state };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return { listener: 'bootstrap', address, status: 'unreachable', detail: error.message };
  } finally {
    client.close();
  }
}
