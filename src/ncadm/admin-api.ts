import { DomainError } from '../domain/errors.js';
import { AdminServiceClient, type AdminServiceWatchServicesRequest, type WatchEventsRequest, type WatchEventsResponse } from '../gen/networkcontroller/v1/admin.js';
import type { CaBundle, ServiceEvent } from '../gen/networkcontroller/v1/types.js';
import { callStream, callUnary, connectFirst, type ReadWish, type ReadWorth, type RequestOf, type ResponseOf, type RpcTarget, type UnaryName } from '../platform/rpc-client.js';

/** A server that is there is reached much sooner. */
const REACH_MS = 3_000;

/** The controller as an admin sees it. */
export class AdminApi {
  readonly #client: AdminServiceClient;
  /** The socket or the address that is asked. */
  readonly where: string;
  readonly #read: ReadWish;
  #staleMs = 0;
  #cas: CaBundle | undefined;

  private constructor(client: AdminServiceClient, where: string, read: ReadWish) {
    this.#client = client;
    this.where = where;
    this.#read = read;
  }

  /** Turns to the first of the servers that can be reached. @param read How new all answers must be. */
  static async open(targets: readonly RpcTarget[], read: ReadWish = {}): Promise<AdminApi> {
    const where = targets.map((target) => ('socketPath' in target ? target.socketPath : target.address)).join(', ');
    return new AdminApi(await connectFirst(AdminServiceClient, targets, REACH_MS), where, read);
  }

  /** The CAs of the controller as it last named them; undefined before. */
  get cas(): CaBundle | undefined {
    return this.#cas;
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
      const answer = await callUnary(this.#client, method, request, { read: this.#read, onRead, ...(deadlineMs !== undefined && { deadlineMs }) });
      if (isStatus(answer)) this.#cas = answer.grpcCas;
      return answer;
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

function isStatus(answer: object): answer is { readonly grpcCas: CaBundle | undefined } {
  return 'grpcCas' in answer && 'cluster' in answer;
}
