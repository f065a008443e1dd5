import type { BootstrapServiceService, RecoverRequest, RecoverResponse, RegisterRequest, RegisterResponse } from '../../gen/networkcontroller/v1/bootstrap.js';
import type { Clock } from '../../platform/clock.js';
import type { GuessLimit } from '../auth/guess-limit.js';
import type { RegisterCookies } from '../auth/register-cookie.js';
import type { KeyProofs } from '../pki/key-proofs.js';
import type { ClusterFacts } from '../services/cluster-facts.js';
import type { Registration, Registrations } from '../services/registrations.js';
import type { Relays } from '../services/relays.js';
import type { Renewals } from '../services/renewals.js';
import { enrolRelay } from './relay-handlers.js';
import type { HandlersOf, UnaryHandler } from './handler.js';

/** What the bootstrap listener needs. */
export interface BootstrapDeps {
  readonly registrations: Registrations;
  readonly renewals: Renewals;
  readonly relays: Relays;
  readonly cookies: RegisterCookies;
  readonly proofs: KeyProofs;
  readonly facts: ClusterFacts;
  readonly clock: Clock;
  readonly guesses: GuessLimit;
}

/** `BootstrapService`: what a machine without a certificate may ask. */
export function bootstrapHandlers(deps: BootstrapDeps): HandlersOf<typeof BootstrapServiceService> {
  return {
    healthCheck: async () => ({ code: '200', version: deps.facts.version, state: deps.facts.state() }),
    beginRegister: async () => deps.cookies.begin(deps.clock.now()),
    register: limited(deps.guesses, register(deps)),
    recover: limited(deps.guesses, recover(deps)),
    enrolRelay: limited(deps.guesses, enrolRelay(deps)),
    getTrustBundle: async (request) => ({ bundles: deps.facts.bundlesAfter(request.afterVersion) }),
  };
}

/** `handler` behind the bound on how often a source may guess. */
function limited<Request, Response>(guesses: GuessLimit, handler: UnaryHandler<Request, Response>): UnaryHandler<Request, Response> {
  return (request, caller, call) => guesses.watch(caller.address, () => handler(request, caller, call));
}

/**
 * `BootstrapService.Register`. Whoever does not hold a token's secret has no keys checked, which costs more than all before; what the token
 * is worth is decided where it is spent.
 */
function register(deps: BootstrapDeps): UnaryHandler<RegisterRequest, RegisterResponse> {
  return async (request, caller) => {
    deps.registrations.requireToken(request.bootstrapToken);
    const wireGuard = { proof: request.wgProof, publicKey: request.wgPublicKey, ...deps.cookies.open(request.cookie, deps.clock.now()) };
    const keys = await deps.proofs.prove({ ...request, wireGuard });
    return answer(deps.facts, await deps.registrations.register({ ...request, ...keys }, caller));
  };
}

/** `BootstrapService.Recover`. */
function recover(deps: BootstrapDeps): UnaryHandler<RecoverRequest, RecoverResponse> {
  return async (request, caller) => {
    const { grpcCertificate, networkCertificate } = await deps.renewals.recover(request, await deps.proofs.prove(request), caller);
    return { grpcCertificate: Buffer.from(grpcCertificate), networkCertificate: Buffer.from(networkCertificate), bundle: deps.facts.bundle() };
  };
}

function answer(facts: ClusterFacts, { node, nodeToken, grpcCertificate, networkCertificate }: Registration): RegisterResponse {
  return {
    nodeId: node.id,
    nodeName: node.name,
    nodeToken,
    clusterId: facts.clusterId,
    network: facts.describeByName(node.network),
    bindIp: node.bindIp,
    bindIp6: node.bindIp6,
    grpcCertificate: Buffer.from(grpcCertificate),
    networkCertificate: Buffer.from(networkCertificate),
    bundle: facts.bundle(),
    controlEndpoints: [...facts.controlEndpoints()],
    bootstrapEndpoints: [...facts.bootstrapEndpoints()],
    revision: facts.revision(),
    epoch: facts.epoch,
  };
}
