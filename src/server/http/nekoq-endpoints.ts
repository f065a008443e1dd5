import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Context } from 'hono';
import * as v from 'valibot';
import { DomainError } from '../../domain/errors.js';
import { formatHostPort, parseHostPort } from '../../domain/host-port.js';
import { Service } from '../../gen/networkcontroller/v1/types.js';
import type { Caller } from '../auth/caller.js';
import type { GuessLimit } from '../auth/guess-limit.js';
import type { ServiceRegistry } from '../services/service-registry.js';
import { endpoint, type ApiRoute } from './api.js';
import type { HttpEnv } from './http-app.js';

/** What the programs of NekoQ-Bootstrap are served with. */
export interface NekoqDeps {
  readonly services: ServiceRegistry;
  /** SHA-256 of the password, 32 bytes. */
  readonly passwordHash: Buffer;
  readonly guesses: GuessLimit;
}

const FORM = 'application/x-www-form-urlencoded';
/** As there: a publisher comes again within so many seconds, or its services go. */
const LEASE_SECONDS = 10;
const PAGE = 1_000;
const PATH = '/service';

const NAME = v.strictObject({ name: v.string() });
const PUBLISHED = v.strictObject({ name: v.optional(v.string(), ''), node: v.optional(v.string(), ''), address: v.optional(v.string(), '') });
const FOUND = v.array(v.strictObject({ address: v.string(), node_id: v.string() }));

/**
 * Reads the SHA-256 of the password: 64 hex digits, as `sha256sum` prints them first.
 *
 * @throws DomainError `config_invalid`.
 */
export function readPasswordHash(path: string): Buffer {
  const text = readText(path).trim().split(/\s/)[0] ?? '';
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  throw new DomainError('config_invalid', `${path}: want the SHA-256 of the password, 64 hex digits; printf %s <password> | sha256sum`);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new DomainError('config_invalid', `server.nekoqPasswordFile: want a file that can be read, got ${(error as Error).message}`);
  }
}

/** `GET /service`: where a service is, as NekoQ-Bootstrap answers. */
export function nekoqFind({ services, ...who }: NekoqDeps): ApiRoute {
  return endpoint({
    id: 'nekoqFindService',
    method: 'GET',
    path: PATH,
    summary: 'Where a service is, for programs of NekoQ-Bootstrap: with the header X-Access-Password.',
    query: NAME,
    answer: { status: 200, description: 'The instances that are answered.', schema: FOUND },
    refusals: ['invalid_argument', 'token_invalid'],
    async handle({ query: { name }, c }) {
      await admit(c, who);
      const { items } = services.list({ network: 'default', name }, '', PAGE);
      const answered = items.filter(({ withheld, address }) => withheld === '' && address !== '');
      return answered.map(({ address: host, port, metadata, id }) => ({ address: formatHostPort({ host, port }), node_id: metadata['node'] ?? id }));
    },
  });
}

/** `POST /service`: publishes an instance for ten seconds, as NekoQ-Bootstrap takes it, from the query or a form. */
export function nekoqPublish({ services, ...who }: NekoqDeps): ApiRoute {
  return endpoint({
    id: 'nekoqPublishService',
    method: 'POST',
    path: PATH,
    summary: 'Publishes an instance for ten seconds, for programs of NekoQ-Bootstrap: name, node and address ("10.0.0.1:80") in the query or as a form, with the header X-Access-Password.',
    query: PUBLISHED,
    body: { type: FORM, schema: PUBLISHED },
    answer: { status: 200, description: 'Published.', type: 'text/plain' },
    refusals: ['invalid_argument', 'token_invalid', 'message_too_large'],
    statuses: [415],
    async handle({ query, body, c }) {
      const caller = await admit(c, who);
      const [name, node, address] = [body.name || query.name, body.node || query.node, body.address || query.address];
      const { host, port } = parseHostPort(address);
      const id = `${name}-${node}`.toLowerCase().replace(/[^a-z0-9-]+/g, '-').slice(0, 63).replace(/-+$/, '');
      await services.add(Service.fromPartial({ name, id, address: host, port, leaseSeconds: LEASE_SECONDS, metadata: { node } }), caller);
      return c.text('');
    },
  });
}

async function admit(c: Context<HttpEnv>, { passwordHash, guesses }: Omit<NekoqDeps, 'services'>): Promise<Caller> {
  const address = c.get('address');
  return guesses.watch(address, async () => {
    const shown = createHash('sha256').update(c.req.header('x-access-password') ?? '').digest();
    if (!timingSafeEqual(shown, passwordHash)) throw new DomainError('token_invalid', 'x-access-password: not the password of this controller');
    c.set('actor', 'api-token:nekoq');
    return { kind: 'apiToken', id: 'nekoq', scopes: [], nodeId: '', network: '', address };
  });
}
