import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import { DomainError } from '../../domain/errors.js';
import { readForeignAnswer } from '../../platform/dns/foreign-answer.js';
import { readQuery } from '../../platform/dns/query.js';
import * as v from 'valibot';
import type { Operation } from './api.js';
import { commonHeaders, type HttpEnv, type HttpRoutes } from './http-app.js';
import type { Identify } from './identify.js';
import { HttpRefusal } from './problem.js';
import { readBody } from './request-body.js';

/** The path of every client's template. @see RFC 8484 §4.1.1 */
const PATH = '/dns-query';
/** @see RFC 8484 §6 */
const MEDIA_TYPE = 'application/dns-message';
/** A query with one question and its options never comes near this. */
const MAX_QUERY_OCTETS = 4096;

/** Whoever answers queries: the `answer` of the name server. */
export type Answerer = (query: Uint8Array, client: { readonly address: string; readonly via: 'https'; readonly own?: boolean; readonly network?: string }) => Promise<Uint8Array | undefined>;

/** Whom names are told: `members` are this machine and whoever shows a certificate of a node or an admin. */
export type DnsAudience = 'members' | 'anyone' | 'nobody';

/** How {@link dnsRoutes} are described. */
export function dnsOperations(audience: DnsAudience): readonly Operation[] {
  const answer = { status: 200, description: 'The answer; cache-control says for how long it may be kept.', type: MEDIA_TYPE } as const;
  const refusals = [...(audience === 'members' ? (['unauthenticated'] as const) : []), 'message_too_large'] as const;
  const get: Operation = { id: 'dnsQuery', method: 'GET', path: PATH, summary: 'Asks DNS, with the query in base64url (RFC 8484).', query: v.strictObject({ dns: v.string() }), answer, refusals, statuses: [400] };
  const post: Operation = { id: 'dnsQueryByPost', method: 'POST', path: PATH, summary: 'Asks DNS, with the query as the body (RFC 8484).', body: { type: MEDIA_TYPE }, answer, refusals, statuses: [400, 415] };
  return audience === 'nobody' ? [] : [get, post];
}

/** What {@link dnsRoutes} needs. */
export interface DnsRoutesDeps {
  readonly answer: Answerer;
  readonly audience: DnsAudience;
  readonly identify: Identify;
}

/**
 * DNS over HTTPS at `/dns-query`: GET with the query in `dns`, POST with it as the body. An answer may be kept by HTTP caches as
 * long as its records may.
 *
 * @see RFC 8484 §4.1, §5.1
 */
export function dnsRoutes({ answer, audience, identify }: DnsRoutesDeps): (routes: HttpRoutes) => void {
  if (audience === 'nobody') return () => {};
  const handle = async (c: Context<HttpEnv>, read: () => Promise<Buffer>): Promise<Response> => {
    const caller = isLoopback(c.get('address')) ? undefined : await identify(c);
    const own = caller?.kind !== 'anonymous';
    if (!own && audience === 'members') throw new DomainError('unauthenticated', 'want a client certificate of a node or an admin, got none; `dns.https` in server.yml opens this to anyone');
    const query = await read();
    const reply = await answer(query, { address: c.get('address'), via: 'https', ...(own && { own }), ...(caller?.kind === 'node' && { network: caller.network }) });
    if (reply === undefined) throw new HttpRefusal(400, 'want a DNS query');
    return send(c, reply, { 'content-type': MEDIA_TYPE, 'cache-control': `max-age=${keepSeconds(query, reply)}` });
  };
  return (routes) => {
    routes.get(PATH, (c) => handle(c, () => Promise.resolve(decodeParameter(c.req.query('dns')))));
    routes.post(PATH, (c) => handle(c, () => readBody(c, { type: MEDIA_TYPE, maxBytes: MAX_QUERY_OCTETS })));
  };
}

/** Straight to the connection where there is one: a Response makes a stream of every body, which takes longer than the answer itself. */
function send(c: Context<HttpEnv>, reply: Uint8Array, headers: Readonly<Record<string, string>>): Response {
  const { outgoing } = c.env;
  if (outgoing === undefined) return c.body(Uint8Array.from(reply), 200, headers);
  outgoing.writeHead(200, { ...commonHeaders(c), ...headers, 'content-length': reply.length });
  outgoing.end(reply);
  return RESPONSE_ALREADY_SENT;
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

function decodeParameter(dns = ''): Buffer {
  if (!/^[A-Za-z0-9_-]+$/.test(dns)) throw new HttpRefusal(400, 'dns: want a DNS message in base64url without padding (RFC 8484 §6)');
  const query = Buffer.from(dns, 'base64url');
  if (query.length > MAX_QUERY_OCTETS) throw new DomainError('message_too_large', `dns: want at most ${MAX_QUERY_OCTETS} octets, got ${query.length}`);
  return query;
}

function keepSeconds(query: Buffer, reply: Uint8Array): number {
  const read = readQuery(query);
  const message = Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength);
  return 'refusal' in read ? 0 : (readForeignAnswer(message, read.questionEnd)?.keepSeconds ?? 0);
}
