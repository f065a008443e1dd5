import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Http2Bindings, HttpBindings } from '@hono/node-server';
import { Hono, type Context, type MiddlewareHandler } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { DomainError } from '../../domain/errors.js';
import type { Log } from '../../platform/log.js';
import type { Refusal } from '../services/audit.js';
import { addressOf } from './peer.js';
import { HttpRefusal, problemHeaders, problemOf } from './problem.js';
import { logRequest } from './request-log.js';

/** What a handler finds in its context beside the request. */
export interface HttpEnv {
  Bindings: HttpBindings | Http2Bindings;
  Variables: {
    requestId: string;
    /** IP address of the other end. */
    address: string;
    /** Aborted when the server is about to stop. */
    draining: AbortSignal;
    /** Who calls, once that is known; as the audit log names callers. */
    actor: string;
  };
}

/** Where routes are added. */
export type HttpRoutes = Hono<HttpEnv>;

/** What all requests have in common. */
export interface HttpAppDeps {
  readonly log: Log;
  /** Told of every refusal of ours, for the audit log. */
  readonly onRefusal?: (refusal: Refusal) => void;
  /** How long a request may take, from its headers to the headers of its answer; 10 s. */
  readonly requestMs?: number;
}

/** Everything that HTTP serves, not yet bound to a listener. */
export interface HttpApp {
  readonly routes: HttpRoutes;
  /** Requests that are being answered. */
  readonly active: number;
  /** Refuses whatever comes from now on, and resolves when what was begun is answered. */
  drain(): Promise<void>;
}

const REQUEST_MS = 10_000;

/**
 * Makes the application: a request id, one line in the log, a time limit and problem documents for whatever `add` adds.
 *
 * @see RFC 9457 for the problem documents
 */
export function httpApp(deps: HttpAppDeps, add: readonly ((routes: HttpRoutes) => void)[]): HttpApp {
  const routes = new Hono<HttpEnv>();
  const life = { draining: new AbortController(), active: 0, idle: () => {} };
  // Every open stream listens for the end; a thousand are no leak.
  setMaxListeners(0, life.draining.signal);
  routes.use(identified(deps, life.draining.signal), counted(life), bounded(deps.requestMs ?? REQUEST_MS));
  routes.onError(refuse);
  routes.notFound((c) => refuse(noSuchRoute(routes, c), c));
  for (const addTo of add) addTo(routes);
  return {
    routes,
    get active() {
      return life.active;
    },
    drain() {
      life.draining.abort();
      return life.active === 0 ? Promise.resolve() : new Promise((resolve) => (life.idle = resolve));
    },
  };
}

function identified(deps: HttpAppDeps, draining: AbortSignal): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const startedMs = performance.now();
    c.set('requestId', randomBytes(8).toString('hex'));
    c.set('address', addressOf(c.env.incoming.socket));
    c.set('draining', draining);
    c.set('actor', 'anonymous');
    // Before there is an answer: on one that is there, each header makes a copy of it with its body as a stream. A route may say otherwise.
    for (const [name, value] of Object.entries(commonHeaders(c))) c.header(name, value);
    await next();
    logRequest(deps, c, performance.now() - startedMs);
  };
}

/** What every answer tells unless its route says otherwise. */
export function commonHeaders(c: Context<HttpEnv>): Record<'x-request-id' | 'x-content-type-options' | 'cache-control', string> {
  return { 'x-request-id': c.get('requestId'), 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' };
}

function counted(life: { readonly draining: AbortController; active: number; idle: () => void }): MiddlewareHandler<HttpEnv> {
  return async (_c, next) => {
    if (life.draining.signal.aborted) throw new DomainError('draining', 'this server is about to stop; try again in a few seconds');
    life.active++;
    try {
      await next();
    } finally {
      if (--life.active === 0) life.idle();
    }
  };
}

/** What is still running when its time is over goes on unheard, as a gRPC call does whose deadline has passed. */
function bounded(requestMs: number): MiddlewareHandler<HttpEnv> {
  return async (_c, next) => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new DomainError('timeout', `want a request that is over within ${requestMs} ms; whether it was carried out is unknown`)), requestMs);
    });
    await Promise.race([next(), late]).finally(() => clearTimeout(timer));
  };
}

function refuse(error: Error, c: Context<HttpEnv>): Response {
  c.error = error;
  const problem = problemOf(error, c.get('requestId'));
  return c.body(JSON.stringify(problem), problem.status as ContentfulStatusCode, problemHeaders(error, problem));
}

/** Nothing of that path, or nothing with that method. @see RFC 9110 §15.5.6 */
function noSuchRoute(routes: HttpRoutes, c: Context<HttpEnv>): HttpRefusal {
  const fitting = routes.routes.filter(({ method, path }) => method !== 'ALL' && fits(path, c.req.path));
  if (fitting.length === 0) return new HttpRefusal(404, 'there is nothing at this path; /v1/openapi.json lists what there is');
  const allow = [...new Set(fitting.map(({ method }) => method))].join(', ');
  return new HttpRefusal(405, `want ${allow}, got ${c.req.method}`, { allow });
}

function fits(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  return wanted.length === given.length && wanted.every((part, i) => part.startsWith(':') || part === given[i]);
}
