import { DomainError } from '../../domain/errors.js';
import type { ServiceEvent } from '../../gen/networkcontroller/v1/types.js';
import { watchServices } from '../services/service-watch.js';
import type { Repository } from '../store/local-view.js';
import { endpoint, type ApiRoute } from './api.js';
import { FILTER_QUERY } from './api-schemas.js';
import type { Identify } from './identify.js';
import { problemOf } from './problem.js';
import { filterOf, serviceJson } from './service-endpoints.js';

const EVENT_STREAM = 'text/event-stream';
/** A line now and then keeps what stands between awake, and is when the caller is looked at again. */
const PULSE_MS = 15_000;
/** Events that wait for a slow reader; the rest waits in the log. */
const WAITING = 64;
const MAX_STREAMS = 1_000;

/**
 * Tells of every instance there is and of each change after, as Server-Sent Events: `put` with the instance, `removed` with network and
 * id, `synced` once all there is has been told, `refused` with a problem document before the end.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function watchEndpoint(repository: Repository, identify: Identify): ApiRoute {
  let open = 0;
  return endpoint({
    id: 'watchServices',
    method: 'GET',
    path: '/v1/watch/services',
    summary: 'Tells of every instance, then of each change, as Server-Sent Events: put, removed, synced, refused.',
    scope: 'services:read',
    query: FILTER_QUERY,
    answer: { status: 200, description: 'Events, until the caller or the server goes.', type: EVENT_STREAM },
    refusals: ['invalid_argument', 'unauthenticated', 'permission_denied'],
    async handle({ query, caller, c }) {
      if (open >= MAX_STREAMS) throw new DomainError('rate_limited', `want at most ${MAX_STREAMS} watches at once; try again in a minute`);
      const filter = filterOf(repository.view, caller, query);
      // Nobody would read the events, nor end them.
      if (c.req.method === 'HEAD') return c.body(null, 200, { 'content-type': EVENT_STREAM });
      open++;
      const draining = c.get('draining');
      const onDraining = (): void => stream.fail(new DomainError('draining', 'this server is about to stop; watch again in a few seconds'));
      const onEnd = (): void => {
        open--;
        draining.removeEventListener('abort', onDraining);
      };
      const stream = new EventStream({ requestId: c.get('requestId'), recheck: () => identify(c), onEnd });
      draining.addEventListener('abort', onDraining);
      return c.body(stream.follow((sink) => watchServices(repository, filter, sink)), 200, { 'content-type': EVENT_STREAM });
    },
  });
}

interface EventStreamDeps {
  readonly requestId: string;
  readonly recheck: () => Promise<unknown>;
  readonly onEnd: () => void;
}

/** One reader's events as octets. */
class EventStream {
  readonly #deps: EventStreamDeps;
  readonly #closers: (() => void)[] = [];
  readonly #pulse: NodeJS.Timeout;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #drain = (): void => {};
  #ended = false;

  constructor(deps: EventStreamDeps) {
    this.#deps = deps;
    this.#pulse = setInterval(() => void this.#beat(), PULSE_MS);
  }

  follow(watch: (sink: Parameters<typeof watchServices>[2]) => void): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
          watch({
            write: (event) => this.#write(event),
            onDrain: (listener) => (this.#drain = listener),
            onClose: (listener) => void this.#closers.push(listener),
            fail: (error) => this.fail(error),
          });
        },
        pull: () => this.#drain(),
        cancel: () => this.#end(),
      },
      { highWaterMark: WAITING },
    );
  }

  fail(error: unknown): void {
    if (this.#ended) return;
    this.#send('refused', problemOf(error, this.#deps.requestId));
    this.#controller?.close();
    this.#end();
  }

  #write({ event, revision }: ServiceEvent): boolean {
    if (event === undefined) return true;
    const data = event.$case === 'put' ? serviceJson(event.value) : event.value;
    return this.#send(event.$case, data, String(revision));
  }

  #send(name: string, data: unknown, id = ''): boolean {
    if (this.#ended) return false;
    this.#controller?.enqueue(Buffer.from(`${id && `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`));
    return (this.#controller?.desiredSize ?? 0) > 0;
  }

  async #beat(): Promise<void> {
    try {
      await this.#deps.recheck();
      if (!this.#ended) this.#controller?.enqueue(Buffer.from(':\n\n'));
    } catch (error) {
      this.fail(error);
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#pulse);
    for (const close of this.#closers) close();
    this.#deps.onEnd();
  }
}
