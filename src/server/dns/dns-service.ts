import { isWithin, type DnsName } from '../../domain/dns-name.js';
import { Zone } from '../../domain/zone.js';
import type { ZoneChange } from '../../domain/zone-input.js';
import type { Clock } from '../../platform/clock.js';
import { composeRefusal } from '../../platform/dns/reply.js';
import { relayAnswer } from '../../platform/dns/forwarded.js';
import type { Query } from '../../platform/dns/query.js';
import { Responder } from '../../platform/dns/responder.js';
import type { Log } from '../../platform/log.js';
import type { DnsCounters } from './counters.js';
import { Forwarder } from './forwarder.js';
import { OwnClients } from './own-clients.js';
import type { DnsAddress, DnsClient } from './query-handler.js';

/** What a service is made of. */
export interface DnsServiceOptions {
  /** Name of the forward zone, `nc.internal`. */
  readonly zone: string;
  readonly upstreams: readonly DnsAddress[];
  readonly counters: DnsCounters;
  readonly clock: Clock;
  readonly log: Log;
}

/** The changes of one revision. */
export interface ZoneRevision {
  readonly revision: bigint;
  readonly changes: readonly ZoneChange[];
}

/** Decides what each query gets: an answer from the zone, one from elsewhere, a refusal, or nothing. */
export class DnsService {
  readonly #zone: Zone;
  readonly #responder: Responder;
  readonly #ownClients = new OwnClients();
  readonly #forwarder: Forwarder;
  readonly #counters: DnsCounters;
  readonly #log: Log;

  /** @throws DomainError `invalid_argument` for a zone that is no name. */
  constructor(options: DnsServiceOptions) {
    this.#zone = new Zone(options.zone);
    this.#responder = new Responder(this.#zone);
    this.#forwarder = new Forwarder(options.upstreams, options.clock);
    this.#counters = options.counters;
    this.#log = options.log;
  }

  /** Makes the changes of a revision. One that no record can carry is reported, and keeps none of the others back. */
  apply({ revision, changes }: ZoneRevision): void {
    for (const change of changes) {
      try {
        this.#zone.apply(change);
        if (change.kind === 'network') this.#ownClients.set(change.network);
        if (change.kind === 'networkRemoved') this.#ownClients.remove(change.name);
      } catch (error) {
        this.#log.warn('a change cannot be shown in DNS', { change: change.kind, revision, error });
      }
    }
    this.#zone.setRevision(revision);
    this.#counters.set('names', this.#zone.size);
    this.#counters.set('serial', this.#zone.serial);
  }

  /** A `QueryHandler`. */
  readonly handle = (message: Uint8Array, client: DnsClient, reply: (answer: Buffer | undefined) => void): void => {
    this.#counters.add(client.transport === 'udp' ? 'udpQueries' : 'tcpQueries');
    const recursion = this.#forwarder.enabled && this.#ownClients.has(client.address);
    const answer = this.#responder.answer(message, { transport: client.transport, recursion });
    switch (answer.kind) {
      case 'ignore':
        this.#counters.add('ignored');
        return reply(undefined);
      case 'answer':
        this.#counters.add(answer.source === 'zone' ? 'zoneAnswers' : answer.source === 'cache' ? 'cachedAnswers' : 'refusals');
        return reply(answer.message);
      case 'outside':
        if (recursion && this.#mayLeave(answer.query, answer.name)) return void this.#forward(answer.query, client, reply);
        this.#counters.add('refusals');
        return reply(composeRefusal(answer.query, 'REFUSED', recursion));
    }
  };

  /** Only a query that wants recursion is passed on, and never one that could name something of ours. */
  #mayLeave(query: Query, name: DnsName): boolean {
    const recursionDesired = (query.message[2]! & 0x01) !== 0;
    return recursionDesired && !isWithin(name, this.#zone.name);
  }

  async #forward(query: Query, client: DnsClient, reply: (answer: Buffer | undefined) => void): Promise<void> {
    const answer = await this.#forwarder.ask(query);
    const relayed = answer === undefined ? undefined : relayAnswer(query, answer, client.transport);
    this.#counters.add(relayed === undefined ? 'forwardFailures' : 'forwarded');
    reply(relayed ?? composeRefusal(query, 'SERVFAIL', true));
  }
}
