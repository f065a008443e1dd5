import type { Context } from 'hono';
import * as v from 'valibot';
import type { ApiScope } from '../../domain/api-token.js';
import { DomainError, type ErrorCode } from '../../domain/errors.js';
import { actorOf, type Caller } from '../auth/caller.js';
import type { HttpEnv, HttpRoutes } from './http-app.js';
import { anonymous, type Identify } from './identify.js';
import { readBody } from './request-body.js';

/** What an answer holds. */
export interface Answer {
  readonly description: string;
  /** Left out: an answer without a body. */
  readonly schema?: v.GenericSchema;
  /** Of the body; JSON when left out. */
  readonly type?: string;
}

/** One operation as `/v1/openapi.json` tells of it. */
export interface Operation {
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** As OpenAPI writes it, `/v1/services/{id}`. */
  readonly path: string;
  readonly summary: string;
  /** What the caller must be let do; left out where anyone may ask. */
  readonly scope?: ApiScope;
  readonly query?: v.GenericSchema;
  readonly body?: { readonly type: string; readonly schema?: v.GenericSchema };
  readonly answer: Answer & { readonly status: 200 | 204 };
  /** The codes with which it is refused, beside those of every operation. */
  readonly refusals: readonly ErrorCode[];
  /** Refusals of HTTP itself. */
  readonly statuses?: readonly number[];
}

/** What a handler gets: all of it read and allowed. */
export interface ApiRequest<Q, B> {
  readonly query: Q;
  readonly body: B;
  readonly params: Readonly<Record<string, string>>;
  readonly caller: Caller;
  readonly c: Context<HttpEnv>;
}

/** An operation with what it does. A value is answered as JSON, undefined with nothing. */
export interface Endpoint<Q, B> extends Operation {
  readonly query: v.GenericSchema<unknown, Q>;
  readonly body?: { readonly type: string; readonly schema: v.GenericSchema<unknown, B> };
  handle(request: ApiRequest<Q, B>): Promise<unknown>;
}

/** The type of most bodies. */
export const JSON_TYPE = 'application/json';
/** Octets of a body. */
export const MAX_BODY_BYTES = 64 * 1024;

/** An endpoint whose types are its own business. */
export interface ApiRoute {
  readonly operation: Operation;
  /** @param identify Asked where the operation wants a scope. */
  addTo(routes: HttpRoutes, identify: Identify): void;
}

/** Makes an endpoint a route: who calls, whether that is allowed, query and body by their schemas, then its handler. */
export function endpoint<Q, B>(operation: Endpoint<Q, B>): ApiRoute {
  return { operation, addTo: (routes, identify) => addEndpoint(routes, operation, identify) };
}

function addEndpoint<Q, B>(routes: HttpRoutes, endpoint: Endpoint<Q, B>, identify: Identify): void {
  const path = endpoint.path.replace(/\{(\w+)\}/g, ':$1');
  routes.on(endpoint.method, path, async (c) => {
    const caller = endpoint.scope === undefined ? await anonymous(c) : await identify(c);
    if (endpoint.scope !== undefined) requireScope(caller, endpoint.scope);
    const query = readWith(endpoint.query, c.req.query(), 'query');
    const body = (endpoint.body === undefined ? undefined : readWith(endpoint.body.schema, await bodyOf(c, endpoint.body.type), 'body')) as B;
    const answer = await endpoint.handle({ query, body, params: c.req.param(), caller, c });
    if (answer instanceof Response) return answer;
    return answer === undefined ? c.body(null, 204) : c.json(answer as object);
  });
}

/**
 * Reads a value from outside by its schema.
 *
 * @param where Begins the sentence: "body.port: want number, got "80"".
 * @throws DomainError `invalid_argument`.
 */
export function readWith<T>(schema: v.GenericSchema<unknown, T>, value: unknown, where: string): T {
  const read = v.safeParse(schema, value, { abortEarly: true });
  if (read.success) return read.output;
  const [issue] = read.issues;
  const path = [where, ...(issue.path ?? []).map(({ key }) => String(key).slice(0, 64))].join('.');
  const wanted = issue.expected === null ? issue.message : issue.expected === 'never' ? 'no such key' : issue.expected;
  throw new DomainError('invalid_argument', `${path}: want ${wanted}, got ${String(issue.received).slice(0, 100)}`);
}

async function bodyOf(c: Context<HttpEnv>, type: string): Promise<unknown> {
  const bytes = await readBody(c, { type, maxBytes: MAX_BODY_BYTES });
  if (type !== JSON_TYPE) return Object.fromEntries(new URLSearchParams(bytes.toString()));
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw new DomainError('invalid_argument', 'body: want JSON in UTF-8');
  }
}

/** A node may do what concerns services, a viewer may look, an admin everything, a token what it says. */
function requireScope(caller: Caller, scope: ApiScope): void {
  if (caller.kind === 'anonymous') throw new DomainError('unauthenticated', 'want a client certificate or "Authorization: Bearer" with an API token, got neither');
  if (scopesOf(caller).includes(scope)) return;
  throw new DomainError('permission_denied', `want somebody who has ${scope}, got ${actorOf(caller)}`);
}

function scopesOf(caller: Caller): readonly string[] {
  switch (caller.kind) {
    case 'apiToken':
      return caller.scopes;
    case 'node':
      return ['services:read', 'services:write'];
    case 'admin':
      return ['services:read', 'status:read', ...(caller.role === 'admin' ? ['services:write'] : [])];
    case 'relay':
    case 'local':
    case 'anonymous':
      return [];
  }
}
