import { DomainError } from '../../domain/errors.js';
import type { AdminServiceService } from '../../gen/networkcontroller/v1/admin.js';
import type { EnrolRelayRequest, EnrolRelayResponse } from '../../gen/networkcontroller/v1/bootstrap.js';
import type { RelayServiceService } from '../../gen/networkcontroller/v1/relay.js';
import type { Clock } from '../../platform/clock.js';
import type { Caller } from '../auth/caller.js';
import type { RegisterCookies } from '../auth/register-cookie.js';
import type { RelayFeed } from '../feed/relay-feed.js';
import type { KeyProofs } from '../pki/key-proofs.js';
import type { ClusterFacts } from '../services/cluster-facts.js';
import type { RelayBoard } from '../services/relay-board.js';
import type { Relays } from '../services/relays.js';
import type { HandlersOf, UnaryHandler } from './handler.js';

/** What relays are served with. */
export interface RelayDeps {
  readonly relays: Relays;
  readonly relayBoard: RelayBoard;
  readonly relayFeed: RelayFeed;
  readonly proofs: KeyProofs;
  readonly facts: ClusterFacts;
}

type AdminMethods = 'createRelay' | 'listRelays' | 'revokeRelay';

const DEFAULT_EXPIRE_MS = 600_000;

/** `RelayService`: what an enrolled relay may ask. */
export function relayHandlers({ relays, relayBoard, relayFeed, proofs, facts }: RelayDeps): HandlersOf<typeof RelayServiceService> {
  return {
    watch: ({ version }, caller, sink) => {
      const name = relayCaller(caller);
      const close = relayFeed.open(name, sink);
      const closed = relayBoard.opened(name, version);
      sink.onClose(() => {
        close();
        closed();
      });
    },
    renew: async (request, caller) => {
      const name = relayCaller(caller);
      const { grpcCertificate, networkCertificate } = await relays.renew(name, await proofs.prove(request), caller);
      return { grpcCertificate: Buffer.from(grpcCertificate), networkCertificate: Buffer.from(networkCertificate), bundle: facts.bundle() };
    },
  };
}

/** `BootstrapService.EnrolRelay`. The proofs are checked here, the token where it is spent. */
export function enrolRelay(deps: { readonly relays: Relays; readonly cookies: RegisterCookies; readonly proofs: KeyProofs; readonly facts: ClusterFacts; readonly clock: Clock }): UnaryHandler<EnrolRelayRequest, EnrolRelayResponse> {
  return async (request, caller) => {
    const wireGuard = { proof: request.wgProof, publicKey: request.wgPublicKey, ...deps.cookies.open(request.cookie, deps.clock.now()) };
    const relayKeys = { ...(await deps.proofs.prove({ ...request, wireGuard })), wgPublicKey: request.wgPublicKey };
    const { record, grpcCertificate, networkCertificate } = await deps.relays.enrol(request.token, relayKeys, caller);
    return {
      name: record.name,
      clusterId: deps.facts.clusterId,
      grpcCertificate: Buffer.from(grpcCertificate),
      networkCertificate: Buffer.from(networkCertificate),
      bundle: deps.facts.bundle(),
      controlEndpoints: [...deps.facts.controlEndpoints()],
    };
  };
}

/** The relays, for admins. */
export function relayAdminHandlers({ relays, relayBoard, joinString }: { readonly relays: Relays; readonly relayBoard: RelayBoard; joinString(id: string, secret: string): string }): Pick<HandlersOf<typeof AdminServiceService>, AdminMethods> {
  return {
    createRelay: async ({ name, endpoints, expireMs }, caller) => {
      const { record, secret } = await relays.invite({ name, endpoints, lifetimeMs: expireMs || DEFAULT_EXPIRE_MS }, caller);
      return { relay: relayBoard.describe(record), join: joinString(record.tokenId, secret) };
    },
    listRelays: async () => ({ relays: relays.list().map((record) => relayBoard.describe(record)) }),
    revokeRelay: async ({ name }, caller) => ({ relay: relayBoard.describe(await relays.revoke(name, caller)) }),
  };
}

function relayCaller(caller: Caller): string {
  if (caller.kind === 'relay') return caller.name;
  throw new DomainError('permission_denied', 'want a relay certificate');
}
