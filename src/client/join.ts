import { hostname } from 'node:os';
import { ExponentialBackoff, fullJitterGenerator, handleWhen, retry } from 'cockatiel';
import { formatBootstrapToken } from '../domain/bootstrap-token.js';
import { DomainError, type ErrorCode } from '../domain/errors.js';
import { parseJoinString, type JoinString } from '../domain/join-string.js';
import type { RegisterResponse } from '../gen/networkcontroller/v1/bootstrap.js';
import { MapSnapshot } from '../gen/networkcontroller/v1/node.js';
import { systemClock, type Clock } from '../platform/clock.js';
import { makeFirstContact, type FirstContact } from '../platform/first-contact.js';
import { silentLog, type Log } from '../platform/log.js';
import { callUnary } from '../platform/rpc-client.js';
import { VERSION } from '../platform/version.js';
import { makeWireGuardProof } from '../platform/wireguard/proof.js';
import { fromPem } from '../platform/x509/pem.js';
import { checkGrant } from './check-grant.js';
import type { ClientConfig } from '../platform/config/client-config.js';
import { makeMemberKeys, openMemberKeys, type MemberKeys, type OpenedKeys } from '../platform/member-keys.js';
import type { Membership, MembershipFacts } from './state/membership.js';
import { StateFolder } from './state/state-folder.js';

/** How a join is done. */
export interface JoinOptions {
  /** Gives an earlier membership of this state folder up for the new one. */
  readonly replace?: boolean;
  readonly log?: Log;
  readonly clock?: Clock;
  /** Told, in a sentence, when an attempt has failed that is worth another. */
  readonly onRetry?: (sentence: string) => void;
  /** How many attempts are made; ten by default, which take about a minute. */
  readonly attempts?: number;
}

interface Joined {
  readonly membership: Membership;
  readonly map: MapSnapshot;
}

interface Attempt {
  readonly config: ClientConfig;
  readonly clock: Clock;
  readonly attempt: number;
}

/** Refusals and failures that the next attempt may not meet. All others are final. */
const TRANSIENT: ReadonlySet<ErrorCode> = new Set(['unavailable', 'timeout', 'draining', 'rate_limited', 'conflict', 'store_failed', 'outcome_unknown', 'internal']);
const ATTEMPTS = 10;

/**
 * Makes this machine a node: exchanges a join string for an address, a node token and two certificates.
 *
 * The keys are made here, are on disk before the first packet, and never leave. So a join that was cut off at
 * any moment gives the same node when it is tried again with the same join string. Nothing is sent to a server whose CA does
 * not have the pin.
 *
 * @param joinString As `ncadm token create` printed it.
 * @throws DomainError `join_string_invalid`, `already_initialised`, `key_file_unsafe`, `pin_mismatch`, `certificate_invalid`; the
 *   controller's refusals, such as `token_expired`; `unavailable` or `timeout` when nobody answered in the end.
 */
export async function joinNode(config: ClientConfig, joinString: string, options: JoinOptions = {}): Promise<MembershipFacts> {
  const join = parseJoinString(joinString);
  const state = StateFolder.open(config.stateDir, options.log ?? silentLog);
  if (options.replace !== true) refuseSecondJoin(state);
  const keys = state.keysForJoin(join.token.id, makeMemberKeys);
  const clock = options.clock ?? systemClock;
  const { membership, map } = await persistently(options, (attempt) => register(join, keys, { config, clock, attempt }));
  state.forgetNetwork();
  state.save(membership);
  state.saveMap(map);
  return membership.facts;
}

function refuseSecondJoin(state: StateFolder): void {
  const facts = state.membership()?.facts;
  if (facts === undefined) return;
  throw new DomainError(
    'already_initialised',
    `${state.path}: this machine is node ${facts.name} (${facts.bindIp}) already; leave first with "nc-client leave", or give that membership up with --replace`,
  );
}

/** Tries again, with full jitter, as long as the failure may pass. */
function persistently<T>({ attempts = ATTEMPTS, onRetry }: JoinOptions, task: (attempt: number) => Promise<T>): Promise<T> {
  const policy = retry(
    handleWhen((error) => error instanceof DomainError && TRANSIENT.has(error.code)),
    { maxAttempts: attempts - 1, backoff: new ExponentialBackoff({ initialDelay: 200, maxDelay: 15_000, generator: fullJitterGenerator }) },
  );
  policy.onRetry((event) => {
    if ('error' in event) onRetry?.(`${event.error.message}; trying again in ${(event.delay / 1000).toFixed(1)} s`);
  });
  return policy.execute(({ attempt }) => task(attempt));
}

/** Makes one attempt, at the first listener that shows the pinned CA. @param attempt Counts from 0; each begins with the next listener. */
async function register({ token, pins, endpoints }: JoinString, keys: MemberKeys, { config, clock, attempt }: Attempt): Promise<Joined> {
  const first = attempt % endpoints.length;
  const nowMs = clock.now();
  const server = await makeFirstContact([...endpoints.slice(first), ...endpoints.slice(0, first)], pins, { nowMs });
  try {
    const opened = openMemberKeys(keys, 'node');
    const grant = await exchange(server, opened, formatBootstrapToken(token).reveal(), config.name);
    checkGrant(grant, { keys: opened, pinnedCa: fromPem(server.caPem)[0]!, clusterId: server.clusterId, network: grant.network?.name ?? '', nowMs });
    return { membership: membershipOf(grant, keys, nowMs), map: firstMap(grant) };
  } finally {
    server.client.close();
  }
}

async function exchange({ client, offer }: FirstContact, keys: OpenedKeys, bootstrapToken: string, nodeName: string): Promise<RegisterResponse> {
  const { grpcCsr, networkCsr, wgPublicKey, wgPrivateKey } = keys;
  const { nonce, serverKey, cookie } = offer;
  const wgProof = makeWireGuardProof(wgPrivateKey, serverKey, { nonce, wgPublicKey, grpcCsr, networkCsr });
  const request = { bootstrapToken, nodeName, hostname: hostname(), grpcCsr, networkCsr, wgPublicKey, wgProof, cookie, agentVersion: VERSION };
  return callUnary(client, 'register', request);
}

function membershipOf(grant: RegisterResponse, keys: MemberKeys, nowMs: number): Membership {
  const { nodeId, clusterId, bindIp, bindIp6, controlEndpoints, bootstrapEndpoints, nodeToken, grpcCertificate, networkCertificate, bundle, network } = grant;
  if (bundle === undefined || network === undefined) throw new DomainError('certificate_invalid', 'registration: want a trust bundle and a network, got none');
  const facts = { nodeId, name: grant.nodeName, network: network.name, clusterId, bindIp, bindIp6, controlEndpoints, bootstrapEndpoints, joinedAtMs: nowMs };
  return { keys, nodeToken, grpcCertificate, networkCertificate, bundle, facts };
}

/**
 * A map of the controller alone, so that the agent raises the tunnel to it while it is still fetching the rest. Without epoch and
 * revision, because resuming from there would leave out everybody who was in before.
 */
function firstMap({ network, controlEndpoints }: RegisterResponse): MapSnapshot {
  return MapSnapshot.fromPartial({ ...(network && { network }), controlEndpoints, last: true });
}
