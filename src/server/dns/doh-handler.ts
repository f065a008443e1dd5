import { readForeignAnswer } from '../../platform/dns/foreign-answer.js';
import { readQuery } from '../../platform/dns/query.js';

/** The type of the messages. @see RFC 8484 §6 */
const MEDIA_TYPE = 'application/dns-message';
/** A query with one question and its options never comes near this. */
const MAX_QUERY_OCTETS = 4096;

/** The part of a request that is read, of Node's HTTP/1 and HTTP/2 alike. */
export interface DohRequest extends AsyncIterable<Uint8Array> {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: { readonly 'content-type'?: string | undefined };
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** The part of a response that is written. */
export interface DohResponse {
  writeHead(status: number, headers: Record<string, string | number>): unknown;
  end(body?: Uint8Array | string): unknown;
}

/** Whoever answers queries: the `answer` of the name server. */
export type Answerer = (query: Uint8Array, client: { readonly address: string; readonly via: 'https' }) => Promise<Uint8Array | undefined>;

/** A request that cannot be answered, with the status that says why. */
class Rejected extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
  }
}

/**
 * Makes the handler for `/dns-query` of an HTTP server: GET with the query in `dns`, POST with it as the body.
 *
 * An answer may be kept by HTTP caches as long as its records may. @see RFC 8484 §4.1, §5.1
 */
export function dohHandler(answer: Answerer): (request: DohRequest, response: DohResponse) => Promise<void> {
  return async (request, response) => {
    try {
      const query = await readRequest(request);
      const reply = await answer(query, { address: request.socket.remoteAddress ?? '', via: 'https' });
      if (reply === undefined) throw new Rejected(400, 'want a DNS query');
      response.writeHead(200, { 'content-type': MEDIA_TYPE, 'content-length': reply.length, 'cache-control': `max-age=${keepSeconds(query, reply)}` });
      response.end(reply);
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
      response.writeHead(error.status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', ...error.headers });
      response.end(`${error.message}\n`);
    }
  };
}

async function readRequest(request: DohRequest): Promise<Buffer> {
  switch (request.method) {
    case 'GET':
      return decodeParameter(new URL(request.url ?? '/', 'https://localhost').searchParams.get('dns'));
    case 'POST':
      return readBody(request);
    default:
      throw new Rejected(405, 'want GET or POST', { allow: 'GET, POST' });
  }
}

function decodeParameter(dns: string | null): Buffer {
  if (dns === null || dns === '' || !/^[A-Za-z0-9_-]*$/.test(dns)) throw new Rejected(400, 'dns: want a DNS message in base64url without padding (RFC 8484 §6)');
  const query = Buffer.from(dns, 'base64url');
  if (query.length > MAX_QUERY_OCTETS) throw new Rejected(413, `want at most ${MAX_QUERY_OCTETS} octets`);
  return query;
}

async function readBody(request: DohRequest): Promise<Buffer> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== MEDIA_TYPE) throw new Rejected(415, `content-type: want ${MEDIA_TYPE}`, { accept: MEDIA_TYPE });
  const chunks: Uint8Array[] = [];
  let octets = 0;
  for await (const chunk of request) {
    octets += chunk.length;
    if (octets > MAX_QUERY_OCTETS) throw new Rejected(413, `want at most ${MAX_QUERY_OCTETS} octets`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function keepSeconds(query: Buffer, reply: Uint8Array): number {
  const read = readQuery(query);
  const message = Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength);
  return 'refusal' in read ? 0 : (readForeignAnswer(message, read.questionEnd)?.keepSeconds ?? 0);
}
