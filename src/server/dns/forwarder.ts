import { randomInt } from 'node:crypto';
import type { Clock } from '../../platform/clock.js';
import { isUsable, readForeignAnswer, type ForeignAnswer } from '../../platform/dns/foreign-answer.js';
import { encodeForwardedQuery, isAnswerTo, isTruncated } from '../../platform/dns/forwarded.js';
import type { Query } from '../../platform/dns/query.js';
import { askOverStream, askOverUdp } from '../../platform/dns/exchange.js';
import type { Upstream } from '../../platform/dns/upstream.js';

/** How long one server may take. A client asks again after five seconds, so two may fail before that. */
const TRY_MS = 2000;

/** How long a server that failed stands behind the others. */
const REST_MS = 10_000;

/** Questions on their way at once; more are refused rather than piled up. */
const MAX_IN_FLIGHT = 1024;

/** Asks other name servers, in the order given, those that failed lately last. */
export class Forwarder {
  readonly #upstreams: readonly { readonly server: Upstream; restsUntilMs: number }[];
  readonly #clock: Clock;
  #inFlight = 0;

  constructor(servers: readonly Upstream[], clock: Clock) {
    this.#upstreams = servers.map((server) => ({ server, restsUntilMs: 0 }));
    this.#clock = clock;
  }

  /** The first usable answer, whole; undefined when no server gave one. */
  async ask(query: Query): Promise<ForeignAnswer | undefined> {
    if (this.#inFlight >= MAX_IN_FLIGHT) return undefined;
    this.#inFlight++;
    try {
      return await this.#askInOrder(query);
    } finally {
      this.#inFlight--;
    }
  }

  async #askInOrder(query: Query): Promise<ForeignAnswer | undefined> {
    const nowMs = this.#clock.now();
    const resting = ({ restsUntilMs }: { restsUntilMs: number }): number => (restsUntilMs > nowMs ? 1 : 0);
    for (const upstream of this.#upstreams.toSorted((a, b) => resting(a) - resting(b))) {
      // Why it failed does not change what follows: it rests, and the next one is asked.
      const answer = await askOne(upstream.server, query).catch(() => undefined);
      upstream.restsUntilMs = answer === undefined ? this.#clock.now() + REST_MS : 0;
      if (answer !== undefined) return answer;
    }
    return undefined;
  }
}

/** One server's answer; undefined when it says that it cannot, or nothing that can be read. @throws DomainError `timeout`, `unavailable`. */
async function askOne(server: Upstream, query: Query): Promise<ForeignAnswer | undefined> {
  const asked = encodeForwardedQuery(query, randomInt(65_536));
  const accept = (answer: Buffer): boolean => isAnswerTo(asked, answer, query.questionEnd);
  const first = server.tls === undefined ? await askOverUdp(server, asked, TRY_MS, accept) : undefined;
  const answer = first !== undefined && !isTruncated(first) ? first : await askOverStream(server, asked, TRY_MS, accept);
  return isUsable(answer) ? readForeignAnswer(answer, query.questionEnd) : undefined;
}
