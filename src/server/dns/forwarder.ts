import { randomInt } from 'node:crypto';
import type { Clock } from '../../platform/clock.js';
import { RCODES } from '../../platform/dns/codes.js';
import { encodeForwardedQuery, isAnswerTo, isTruncated, rcodeOf } from '../../platform/dns/forwarded.js';
import type { Query } from '../../platform/dns/query.js';
import { askOverTcp, askOverUdp } from './exchange.js';
import type { DnsAddress } from './query-handler.js';

/** How long one server may take. A client asks again after five seconds, so two may fail before that. */
const TRY_MS = 2000;

/** How long a server that failed stands behind the others. */
const REST_MS = 10_000;

/** Questions on their way at once; more are refused rather than piled up. */
const MAX_IN_FLIGHT = 1024;

interface Upstream {
  readonly address: DnsAddress;
  restsUntilMs: number;
}

/** Asks other name servers, in the order given, those that failed lately last. */
export class Forwarder {
  readonly #upstreams: readonly Upstream[];
  readonly #clock: Clock;
  #inFlight = 0;

  constructor(addresses: readonly DnsAddress[], clock: Clock) {
    this.#upstreams = addresses.map((address) => ({ address, restsUntilMs: 0 }));
    this.#clock = clock;
  }

  /** Whether there is anybody to ask. */
  get enabled(): boolean {
    return this.#upstreams.length > 0;
  }

  /** The first usable answer, whole; undefined when no server gave one. */
  async ask(query: Query): Promise<Buffer | undefined> {
    if (this.#inFlight >= MAX_IN_FLIGHT) return undefined;
    this.#inFlight++;
    try {
      return await this.#askInOrder(query);
    } finally {
      this.#inFlight--;
    }
  }

  async #askInOrder(query: Query): Promise<Buffer | undefined> {
    const nowMs = this.#clock.now();
    const resting = ({ restsUntilMs }: Upstream): number => (restsUntilMs > nowMs ? 1 : 0);
    for (const upstream of this.#upstreams.toSorted((a, b) => resting(a) - resting(b))) {
      // Why it failed does not change what follows: it rests, and the next one is asked.
      const answer = await askOne(upstream.address, query).catch(() => undefined);
      upstream.restsUntilMs = answer === undefined ? this.#clock.now() + REST_MS : 0;
      if (answer !== undefined) return answer;
    }
    return undefined;
  }
}

/** One server's answer; undefined when it says that it cannot. @throws DomainError `timeout`, `unavailable`. */
async function askOne(server: DnsAddress, query: Query): Promise<Buffer | undefined> {
  const asked = encodeForwardedQuery(query, randomInt(65_536));
  const accept = (answer: Buffer): boolean => isAnswerTo(asked, answer, query.questionEnd);
  const short = await askOverUdp(server, asked, TRY_MS, accept);
  const answer = isTruncated(short) ? await askOverTcp(server, asked, TRY_MS, accept) : short;
  const rcode = rcodeOf(answer);
  return rcode === RCODES.NOERROR || rcode === RCODES.NXDOMAIN ? answer : undefined;
}
