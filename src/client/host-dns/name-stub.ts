import { isIP } from 'node:net';
import { DomainError } from '../../domain/errors.js';
import type { Clock } from '../../platform/clock.js';
import { askOverStream, askOverUdp } from '../../platform/dns/exchange.js';
import { isUsable } from '../../platform/dns/foreign-answer.js';
import type { DnsClient, Listening } from '../../platform/dns/query-handler.js';
import { questionOctets, readQuery, type Query } from '../../platform/dns/query.js';
import { composeRefusal, type Transport } from '../../platform/dns/reply.js';
import type { Reply } from '../../platform/dns/responder.js';
import { listenOnTcp } from '../../platform/dns/tcp-listener.js';
import { listenOnUdp } from '../../platform/dns/udp-listener.js';

const PORT = 53;
/** What the C library waits for a server before it asks the next. @see resolv.conf(5) RES_TIMEOUT */
const ASK_MS = 5000;

/** What a {@link NameStub} answers from. */
export interface NameStubSources {
  /** Answers from the map; the names of the network are ours, all others outside. */
  answer(message: Uint8Array, transport: Transport): Reply;
  /** The controller's name server, to be asked about what the map denies; empty where the map tells all. */
  controller(): string;
  /** The name servers of the machine, in order. */
  nameservers(): readonly string[];
}

/**
 * A name server for the programs of this machine: names of the network from the verified map, whether the controller is up or not, all others
 * from the name servers that the machine had before.
 */
export class NameStub {
  readonly #listening: readonly Listening[];
  /** Where it listens, port 53. */
  readonly address: string;

  private constructor(address: string, listening: readonly Listening[]) {
    this.address = address;
    this.#listening = listening;
  }

  /**
   * Listens, UDP and TCP, at the first of `addresses` that is free.
   *
   * @throws DomainError `port_taken` when none is.
   */
  static async start(addresses: readonly string[], sources: NameStubSources, clock: Clock): Promise<NameStub> {
    const handle = (message: Uint8Array, client: DnsClient, reply: (answer: Buffer | undefined) => void): void => {
      void answerOne(message, client.via === 'udp' ? 'udp' : 'tcp', sources).then(reply, () => reply(undefined));
    };
    for (const host of addresses) {
      const udp = await listenOnUdp({ host, port: PORT }, handle).catch(unlessTaken);
      if (udp === undefined) continue;
      const tcp = await listenOnTcp({ host, port: PORT }, handle, clock).catch(unlessTaken);
      if (tcp !== undefined) return new NameStub(host, [udp, tcp]);
      await udp.stop();
    }
    throw new DomainError('port_taken', `port ${PORT} of ${addresses.join(', ')}: want one to answer this machine's names at, all are taken`);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#listening.map((each) => each.stop()));
  }
}

function unlessTaken(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'EADDRINUSE') return undefined;
  throw error;
}

async function answerOne(message: Uint8Array, transport: Transport, sources: NameStubSources): Promise<Buffer | undefined> {
  const reply = sources.answer(message, transport);
  if (reply.kind === 'ignore') return undefined;
  if (reply.kind === 'outside') return (await askEach(sources.nameservers(), reply.query, transport)) ?? composeRefusal(reply.query, 'SERVFAIL', true);
  if (!isNegative(reply.message)) return reply.message;
  const query = readQuery(message);
  const controller = sources.controller();
  const better = 'refusal' in query || controller === '' ? undefined : await askEach([controller], query, transport);
  return better !== undefined && isUsable(better) ? better : reply.message;
}

/** The first answer that tells something, of any of `servers`; without one the last that was given. */
async function askEach(servers: readonly string[], query: Query, transport: Transport): Promise<Buffer | undefined> {
  let last: Buffer | undefined;
  for (const host of servers.filter((server) => isIP(server) !== 0)) {
    const ask = transport === 'udp' ? askOverUdp : askOverStream;
    const answer = await ask({ host, port: PORT }, query.message, ASK_MS, (bytes) => belongsTo(bytes, query)).catch(() => undefined);
    if (answer !== undefined && isUsable(answer)) return answer;
    last = answer ?? last;
  }
  return last;
}

/** Same id, same question. @see RFC 5452 §9.1 */
function belongsTo(answer: Buffer, query: Query): boolean {
  if (answer.length < query.questionEnd || (answer[2]! & 0x80) === 0 || answer.readUInt16BE(0) !== query.message.readUInt16BE(0)) return false;
  return questionOctets({ ...query, message: answer }).toLowerCase() === questionOctets(query).toLowerCase();
}

/** No such name, or no such record. */
function isNegative(answer: Buffer): boolean {
  const rcode = answer[3]! & 0x0f;
  return rcode === 3 || (rcode === 0 && answer.readUInt16BE(6) === 0);
}
