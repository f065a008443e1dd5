import { DomainError } from '../domain/errors.js';
import { AdminServiceClient, type AdminServiceWatchServicesRequest, type WatchEventsRequest, type WatchEventsResponse } from '../gen/networkcontroller/v1/admin.js';
import type { ServiceEvent } from '../gen/networkcontroller/v1/types.js';
import { callStream, callUnary, connect, type ReadWish, type ReadWorth, type RequestOf, type ResponseOf, type RpcTarget, type UnaryName } from '../platform/rpc-client.js';

/** The controller as an admin sees it. */
export class AdminApi {
  readonly #client: AdminServiceClient;
  /** The socket or the address that is asked. */
  readonly where: string;
  readonly #read: ReadWish;
  #staleMs = 0;

  /** Nothing is sent before the first call. @param read How new all answers must be. */
  constructor(target: RpcTarget, read: ReadWish = {}) {
    this.#read = read;
    this.where = 'socketPath' in target ? target.socketPath : target.address;
    this.#client = connect(AdminServiceClient, target);
  }

  /** By how many milliseconds the last answer may be behind. */
  get staleMs(): number {
    return this.#staleMs;
  }

  /**
   * Asks once.
   *
   * @param deadlineMs How long the answer may take, for what takes longer than most.
   * @throws DomainError with the controller's own code; `unavailable` or `timeout` when nobody answers.
   */
  async call<K extends UnaryName<AdminServiceClient>>(method: K, request: RequestOf<AdminServiceClient[K]>, deadlineMs?: number): Promise<ResponseOf<AdminServiceClient[K]>> {
    try {
      const onRead = ({ staleMs }: ReadWorth): void => void (this.#staleMs = staleMs);
      return await callUnary(this.#client, method, request, { read: this.#read, onRead, ...(deadlineMs !== undefined && { deadlineMs }) });
    } catch (error) {
      throw this.#located(error);
    }
  }

  /** The events, as they come. @throws DomainError like {@link call} */
  async *watchEvents(request: WatchEventsRequest): AsyncGenerator<WatchEventsResponse, void> {
    try {
      yield* callStream(this.#client, 'watchEvents', request);
    } catch (error) {
      throw this.#located(error);
    }
  }

  /** Every service, then each change, as they come. @throws DomainError like {@link call} */
  async *watchServices(request: AdminServiceWatchServicesRequest): AsyncGenerator<ServiceEvent, void> {
    try {
      for await (const { event } of callStream(this.#client, 'watchServices', request)) if (event !== undefined) yield event;
    } catch (error) {
      throw this.#located(error);
    }
  }

  close(): void {
    this.#client.close();
  }

  /** Says where nobody answered, without gRPC's words about its own machinery. */
  #located(error: unknown): unknown {
    if (!(error instanceof DomainError) || error.code !== 'unavailable') return error;
    const reason = /Last error: (?:Error: )?(.*?)\. Resolution note/.exec(error.message)?.[1] ?? error.message;
    return new DomainError('unavailable', `nobody answers at ${this.where}: ${reason}`, { cause: error });
  }
}
