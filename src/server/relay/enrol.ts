import { formatBootstrapToken } from '../../domain/bootstrap-token.js';
import { DomainError } from '../../domain/errors.js';
import { parseJoinString } from '../../domain/join-string.js';
import type { EnrolRelayResponse } from '../../gen/networkcontroller/v1/bootstrap.js';
import type { Clock } from '../../platform/clock.js';
import { makeFirstContact, type FirstContact } from '../../platform/first-contact.js';
import { callUnary } from '../../platform/rpc-client.js';
import { makeWireGuardProof } from '../../platform/wireguard/proof.js';
import { fromPem } from '../../platform/x509/pem.js';
import { openMemberKeys, type OpenedKeys } from '../../platform/member-keys.js';
import { checkRelayGrant } from './relay-grant.js';
import { RelayState } from './relay-state.js';

/**
 * Makes this machine a relay: exchanges a join string of `ncadm relay create` for certificates. The keys are made here, are on disk
 * before the first packet, and never leave.
 *
 * @param dir The relay's folder.
 * @returns Its name.
 * @throws DomainError `join_string_invalid`, `already_initialised`, `pin_mismatch`, `certificate_invalid`; the controller's refusals, such
 *   as `token_expired`; `unavailable` or `timeout` when nobody answered.
 */
export async function enrolRelay(dir: string, joinString: string, { clock }: { readonly clock: Clock }): Promise<string> {
  const { token, pins, endpoints } = parseJoinString(joinString);
  const state = await RelayState.open(dir);
  const before = await state.membership();
  if (before !== undefined) throw new DomainError('already_initialised', `${dir}: this machine is relay ${before.name} already; to make it another, remove ${dir} first`);
  const keys = await state.keysFor(token.id);
  const nowMs = clock.now();
  const server = await makeFirstContact(endpoints, pins, { nowMs });
  try {
    const opened = openMemberKeys(keys, 'relay');
    const grant = await exchange(server, opened, formatBootstrapToken(token).reveal());
    const { name, clusterId, controlEndpoints, grpcCertificate, networkCertificate, bundle } = grant;
    if (bundle === undefined || clusterId !== server.clusterId) throw new DomainError('certificate_invalid', `grant: want one of cluster ${server.clusterId} with a trust bundle`);
    if (!bundle.grpc?.certificates.some((der) => der.equals(fromPem(server.caPem)[0]!))) throw new DomainError('certificate_invalid', 'grant: the trust bundle lacks the CA that the join string names');
    const membership = { name, clusterId, controlEndpoints, keys, grpcCertificate, networkCertificate, bundle };
    checkRelayGrant(membership, opened, nowMs);
    await state.save(membership);
    return name;
  } finally {
    server.client.close();
  }
}

async function exchange({ client, offer }: FirstContact, keys: OpenedKeys, token: string): Promise<EnrolRelayResponse> {
  const { grpcCsr, networkCsr, wgPublicKey, wgPrivateKey } = keys;
  const { nonce, serverKey, cookie } = offer;
  const wgProof = makeWireGuardProof(wgPrivateKey, serverKey, { nonce, wgPublicKey, grpcCsr, networkCsr });
  return callUnary(client, 'enrolRelay', { token, grpcCsr, networkCsr, wgPublicKey, wgProof, cookie });
}
