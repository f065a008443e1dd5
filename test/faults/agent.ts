import { setTimeout as sleep } from 'node:timers/promises';
import { NodeServiceClient, WatchRequest, type MapChange, type WatchResponse } from '../../src/gen/networkcontroller/v1/node.js';
import { callStream, connect } from '../../src/platform/rpc-client.js';
import { toPem } from '../../src/platform/x509/pem.js';
import type { Member } from '../support/server.js';
import type { AgentStream, Told } from './history.js';
import type { World } from './world.js';

const PAUSE_MS = 50;

/** A node that watches its map, at the next server whenever one is lost, from where it was. */
export class Agent {
  readonly told: Told[] = [];
  readonly #world: World;
  readonly #member: Omit<Member, 'caPem'>;
  readonly #end = new AbortController();
  readonly #watching: Promise<void>;
  #epoch = '';
  #at = 0n;
  /** Of a map whose last part is still to come. */
  #nodes: string[] = [];

  constructor(world: World, member: Omit<Member, 'caPem'>, first: number) {
    this.#world = world;
    this.#member = member;
    this.#watching = this.#watch(first);
  }

  get nodeId(): string {
    return this.#member.nodeId;
  }

  /** The revision up to which it was told everything. */
  get at(): bigint {
    return this.#at;
  }

  get stream(): AgentStream {
    return { agent: this.#member.nodeId, network: 'default', told: this.told };
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#watching;
  }

  async #watch(first: number): Promise<void> {
    const identity = { certificate: toPem(this.#member.grpcCertificate), key: this.#member.keys.grpc.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
    for (let i = first; !this.#end.signal.aborted; i++) {
      const { ports } = this.#world.replicas[i % this.#world.replicas.length]!;
      const client = connect(NodeServiceClient, { address: `127.0.0.1:${ports.control}`, tls: { ...this.#world.tls, identity } });
      try {
        await this.#listen(client);
      } catch {
        // The server is gone or wants to be: on to the next.
      } finally {
        client.close();
      }
      await sleep(PAUSE_MS);
    }
  }

  async #listen(client: NodeServiceClient): Promise<void> {
    this.#nodes = [];
    const from = WatchRequest.fromPartial({ agentVersion: '1', epoch: this.#epoch, fromRevision: this.#at });
    for await (const { message } of callStream(client, 'watch', from, { signal: this.#end.signal })) {
      if (message?.$case === 'goAway') return;
      if (message !== undefined) this.#take(message);
    }
  }

  #take(message: NonNullable<WatchResponse['message']>): void {
    if (message.$case === 'snapshot') {
      const { epoch, revision: rev, peers, last } = message.value;
      this.#nodes.push(...peers.map(({ nodeId }) => nodeId));
      if (!last) return;
      [this.#epoch, this.#at] = [epoch, rev];
      this.told.push({ kind: 'map', rev, nodes: this.#nodes });
      this.#nodes = [];
    } else if (message.$case === 'delta') {
      const { revision: rev, changes } = message.value;
      const nodes = changes.flatMap(nodeOf);
      if (nodes.length > 0) this.told.push({ kind: 'delta', rev, nodes });
      this.#advance(rev);
    } else if (message.$case === 'progress') {
      this.told.push({ kind: 'progress', rev: message.value.revision });
      this.#advance(message.value.revision);
    } else if (message.$case === 'reset') this.told.push({ kind: 'reset', reason: message.value.reason });
  }

  #advance(rev: bigint): void {
    if (rev > this.#at) this.#at = rev;
  }
}

function nodeOf({ change }: MapChange): string[] {
  if (change?.$case === 'peer') return [change.value.nodeId];
  return change?.$case === 'peerRemoved' ? [change.value] : [];
}
