import { WatchRequest, type NodeServiceClient, type WatchResponse } from '../../src/gen/networkcontroller/v1/node.js';
import { callStream } from '../../src/platform/rpc-client.js';
import { until } from './until.js';

type Message = NonNullable<WatchResponse['message']>;
type Kind = Message['$case'];
type Value<C extends Kind> = Extract<Message, { $case: C }>['value'];

/** What an agent is told on one watch. */
export class Watched {
  readonly messages: Message[] = [];
  failure: unknown;
  ended = false;

  constructor(client: NodeServiceClient, from: Partial<WatchRequest> = {}) {
    void this.#read(client, from);
  }

  /** All messages of one kind. */
  of<C extends Kind>(kind: C): Value<C>[] {
    return this.messages.filter((message) => message.$case === kind).map(({ value }) => value as Value<C>);
  }

  /** Waits for the last part of a whole map. */
  snapshot(): Promise<{ epoch: string; revision: bigint }> {
    return until(() => this.of('snapshot').find(({ last }) => last), 'a whole map');
  }

  /** Waits until a change names `nodeId`. */
  async change(nodeId: string): Promise<void> {
    await until(() => this.of('delta').some((delta) => JSON.stringify(delta, withoutBigint).includes(nodeId)), `a change of ${nodeId}`);
  }

  async #read(client: NodeServiceClient, from: Partial<WatchRequest>): Promise<void> {
    try {
      for await (const { message } of callStream(client, 'watch', WatchRequest.fromPartial({ agentVersion: '1', ...from }))) {
        if (message !== undefined) this.messages.push(message);
      }
    } catch (failure) {
      this.failure = failure;
    }
    this.ended = true;
  }
}

const withoutBigint = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
