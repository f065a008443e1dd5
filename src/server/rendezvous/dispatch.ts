import type { Counters, DropReason } from './counters.js';
import type { Source } from './datagram.js';
import type { Handshakes } from './handshakes.js';
import type { PathCheck } from './path-check.js';
import type { Relay } from './relay.js';
import type { Responder } from '../../platform/wireguard/protocol/responder.js';
import type { RouteTable } from './route-table.js';
import type { Tunnels } from './tunnels.js';
import { MESSAGE_LENGTH, MESSAGE_TYPE, RECEIVER_OFFSET, RESPONSE_RECEIVER_OFFSET } from '../../platform/wireguard/protocol/wire.js';

/** Those who take messages. */
export interface DispatchDeps {
  readonly responder: Responder;
  readonly handshakes: Handshakes;
  readonly tunnels: Tunnels;
  readonly relay: Relay;
  readonly pathCheck: PathCheck;
  readonly routes: RouteTable;
  readonly counters: Counters;
}

/** Hands each message to whom it is for, and counts those that are for nobody. */
export class Dispatch {
  readonly #deps: DispatchDeps;

  constructor(deps: DispatchDeps) {
    this.#deps = deps;
  }

  /** @param message Any bytes at all, from anybody. */
  receive(message: Buffer, source: Source, nowMs: number): void {
    const dropped = this.#receive(message, source, nowMs);
    if (dropped !== undefined) this.#deps.counters.drop(dropped);
  }

  #receive(message: Buffer, source: Source, nowMs: number): DropReason | undefined {
    if (message.length < MESSAGE_LENGTH.transportLeast) return 'malformed';
    const type = message.readUInt32LE(0);
    if (type === MESSAGE_TYPE.transport) return this.#transport(message, source, nowMs);
    const { relay } = this.#deps;
    if (type === MESSAGE_TYPE.initiation && message.length === MESSAGE_LENGTH.initiation) return this.#initiation(message, source, nowMs);
    if (type === MESSAGE_TYPE.response && message.length === MESSAGE_LENGTH.response) {
      return relay.answer(message, message.readUInt32LE(RESPONSE_RECEIVER_OFFSET), source, nowMs);
    }
    if (type === MESSAGE_TYPE.cookie && message.length === MESSAGE_LENGTH.cookie) {
      return relay.answer(message, message.readUInt32LE(RECEIVER_OFFSET), source, nowMs);
    }
    return 'malformed';
  }

  #initiation(message: Buffer, source: Source, nowMs: number): DropReason | undefined {
    const { responder, handshakes, relay } = this.#deps;
    return responder.isAddressed(message) ? handshakes.initiation(message, source, nowMs) : relay.initiation(message, source, nowMs);
  }

  #transport(message: Buffer, source: Source, nowMs: number): DropReason | undefined {
    const { routes, relay, tunnels, pathCheck } = this.#deps;
    let dropped: DropReason = 'session_unknown';
    for (let route = routes.get(message.readUInt32LE(RECEIVER_OFFSET)); route !== undefined; route = route.following) {
      if (route.session !== undefined) {
        const refused = tunnels.receive(route.from, route.session, message, source, nowMs);
        if (refused === undefined) return undefined;
        dropped = refused;
      } else if (route.from.port === source.port && route.from.address === source.address) {
        return relay.transport(message, route, nowMs);
      } else {
        pathCheck.ask(route.from, message, source, nowMs);
        dropped = 'source_unknown';
      }
    }
    return dropped;
  }
}
