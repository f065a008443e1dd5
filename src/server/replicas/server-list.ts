import type { ReplicaRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Server, WatchResponse } from '../../gen/networkcontroller/v1/node.js';
import type { MapFeed } from '../feed/map-feed.js';
import { kindOf } from '../store/keys.js';
import type { Repository } from '../store/local-view.js';
import type { ReplicaBoard } from './replica-board.js';

/** Tells nodes which servers there are, so that they know where to go when theirs is lost. Observers take no nodes. */
export class ServerList {
  readonly #board: ReplicaBoard;
  readonly #feed: Pick<MapFeed, 'send' | 'broadcast'>;
  #told = '';

  constructor(deps: { repository: Repository; board: ReplicaBoard; feed: Pick<MapFeed, 'send' | 'broadcast'> }) {
    this.#board = deps.board;
    this.#feed = deps.feed;
    deps.repository.onApplied(({ events }) => {
      if (events.some(({ key }) => kindOf(key) === 'replica')) this.changed();
    });
  }

  /** Tells a node whose stream has just begun. */
  welcome(nodeId: string): void {
    this.#feed.send(nodeId, this.#message(this.#servers()));
  }

  /** Tells all nodes if more than the load has changed. */
  changed(): void {
    const servers = this.#servers();
    const told = JSON.stringify(servers.map((server) => ({ ...server, agents: 0 })));
    if (told === this.#told) return;
    this.#told = told;
    void this.#feed.broadcast(this.#message(servers));
  }

  #message(servers: Server[]): NonNullable<WatchResponse['message']> {
    return { $case: 'servers', value: { servers } };
  }

  #servers(): Server[] {
    const own = this.#board.own();
    const all = [own, ...this.#board.others().map(({ value }) => value)];
    return all.filter(({ state }) => state !== 'observer').map((record) => serverOf(record, record.id === own.id));
  }
}

function serverOf({ name, dataCentre, control, wireguard, probe, https, agents, state }: ReplicaRecord, isSelf: boolean): Server {
  return { name, dataCentre, control, wireguard, probe, https, agents, draining: state === 'draining', isSelf };
}
