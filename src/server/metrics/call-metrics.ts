import { Counter, Histogram, type Registry } from 'prom-client';
import type { EndedCall } from '../transport/call-record.js';

const METHODS = {
  registered: 'BootstrapService/Register',
  renewed: 'NodeService/Renew',
  recovered: 'BootstrapService/Recover',
} as const;

/** What is asked of this server, and how it ends. */
export class CallMetrics {
  readonly #calls: Counter<'method' | 'code'>;
  readonly #seconds: Histogram<'method'>;
  readonly #refusals: Counter<'code'>;
  readonly #registrations: Counter;
  readonly #renewals: Counter<'kind'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#calls = new Counter({ name: 'nc_rpc_calls_total', help: 'Calls answered and streams ended, by method and code ("ok" or a refusal).', labelNames: ['method', 'code'], registers });
    this.#seconds = new Histogram({
      name: 'nc_rpc_duration_seconds',
      help: 'Time to answer a call; streams are not in it.',
      labelNames: ['method'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.#refusals = new Counter({ name: 'nc_refusals_total', help: 'Refusals on all listeners, by code.', labelNames: ['code'], registers });
    this.#registrations = new Counter({ name: 'nc_registrations_total', help: 'Registrations granted; a repeated request counts again.', registers });
    this.#renewals = new Counter({ name: 'nc_renewals_total', help: 'Certificates renewed, and recovered after their end.', labelNames: ['kind'], registers });
    for (const kind of ['renew', 'recover']) this.#renewals.inc({ kind }, 0);
  }

  /** Counts a call. */
  ended({ method, kind, code, seconds }: EndedCall): void {
    this.#calls.inc({ method, code });
    // A stream lasts as long as its reader.
    if (kind === 'unary') this.#seconds.observe({ method }, seconds);
    if (code !== 'ok') this.#refusals.inc({ code });
    else if (method === METHODS.registered) this.#registrations.inc();
    else if (method === METHODS.renewed) this.#renewals.inc({ kind: 'renew' });
    else if (method === METHODS.recovered) this.#renewals.inc({ kind: 'recover' });
  }
}
