import {
  AgentServiceService,
  type AgentServiceGetStatusResponse,
  type AgentServiceServer,
  type ListOffersResponse,
  type OfferServiceRequest,
  type OfferServiceResponse,
  type ResolveRequest,
  type ResolveResponse,
  type StopRequest,
  type WithdrawServiceRequest,
} from '../gen/networkcontroller/v1/agent.js';
import type { Log } from '../platform/log.js';
import { serveUnixSocket, type UnixServer } from '../platform/rpc-server-unix.js';

/** What the running agent answers to the commands of its machine. */
export interface AgentApi {
  status(): Promise<AgentServiceGetStatusResponse>;
  /** @throws DomainError `invalid_argument` for what is no name. */
  resolve(request: ResolveRequest): ResolveResponse;
  /** @throws DomainError `invalid_argument`, `conflict`, and what the controller refuses. */
  offerService(request: OfferServiceRequest): Promise<OfferServiceResponse>;
  /** @throws DomainError `service_unknown`. */
  withdrawService(request: WithdrawServiceRequest): Promise<void>;
  listOffers(): ListOffersResponse;
  /** Returns at once; the end follows. */
  stop(request: StopRequest): void;
}

/**
 * Serves {@link AgentApi} on a unix socket. Holding it is what makes an agent the only one of its state folder.
 *
 * @throws DomainError `conflict` when an agent serves it already.
 */
export function serveAgentApi(path: string, api: AgentApi, log: Log): Promise<UnixServer> {
  return serveUnixSocket<AgentServiceServer>(
    path,
    AgentServiceService,
    {
      getStatus: () => api.status(),
      resolve: async (request) => api.resolve(request),
      offerService: (request) => api.offerService(request),
      withdrawService: (request) => api.withdrawService(request).then(() => ({})),
      listOffers: async () => api.listOffers(),
      stop: (request) => Promise.resolve(api.stop(request)).then(() => ({})),
    },
    log,
  );
}
