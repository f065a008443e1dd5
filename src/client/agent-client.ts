import { DomainError } from '../domain/errors.js';
import {
  AgentServiceClient,
  type AgentServiceGetStatusResponse,
  type Offer,
  type OfferServiceRequest,
  type OfferServiceResponse,
  type ResolveRequest,
  type ResolveResponse,
} from '../gen/networkcontroller/v1/agent.js';
import { callUnary, connect } from '../platform/rpc-client.js';
import type { ClientConfig } from '../platform/config/client-config.js';
import { StateFolder } from './state/state-folder.js';
import { silentLog } from '../platform/log.js';

/** The running agent of this machine, as commands ask it. */
export interface AgentClient {
  status(): Promise<AgentServiceGetStatusResponse>;
  resolve(request: ResolveRequest): Promise<ResolveResponse>;
  offerService(request: OfferServiceRequest): Promise<OfferServiceResponse>;
  withdrawService(id: string): Promise<void>;
  listOffers(): Promise<readonly Offer[]>;
  stop(keepInterface: boolean): Promise<void>;
}

/** Milliseconds. The agent answers from memory; the machine may be slow and busy. */
const DEADLINE_MS = 10_000;
/** Milliseconds; the agent asks the controller in between. */
const OFFER_DEADLINE_MS = 15_000;

/**
 * Asks the agent that serves `socketPath`.
 *
 * @throws DomainError `unavailable` when none runs.
 */
export async function withAgent<T>(socketPath: string, ask: (agent: AgentClient) => Promise<T>): Promise<T> {
  const client = connect(AgentServiceClient, { socketPath });
  const deadline = { deadlineMs: DEADLINE_MS };
  try {
    return await ask({
      status: () => callUnary(client, 'getStatus', {}, deadline),
      resolve: (request) => callUnary(client, 'resolve', request, deadline),
      offerService: (request) => callUnary(client, 'offerService', request, { deadlineMs: OFFER_DEADLINE_MS }),
      withdrawService: async (id) => void (await callUnary(client, 'withdrawService', { id }, { deadlineMs: OFFER_DEADLINE_MS })),
      listOffers: async () => (await callUnary(client, 'listOffers', {}, deadline)).offers,
      stop: async (keepInterface) => void (await callUnary(client, 'stop', { keepInterface }, deadline)),
    });
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== 'unavailable') throw error;
    throw new DomainError('unavailable', 'the agent is not running; start it with "nc-client up --detach"', { cause: error });
  } finally {
    client.close();
  }
}

/**
 * Opens the state of a node that has joined.
 *
 * @throws DomainError `not_initialised` when this machine has not.
 */
export function openJoinedState(config: ClientConfig): StateFolder {
  const state = StateFolder.openExisting(config.stateDir, silentLog);
  if (state?.membership() !== undefined) return state;
  throw new DomainError('not_initialised', `${config.stateDir}: this machine has not joined a network`);
}
