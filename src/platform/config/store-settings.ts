import * as v from 'valibot';
import { parseDuration } from '../../domain/duration.js';
import { DomainError } from '../../domain/errors.js';
import { parsed, section, type Fault } from '../yaml-config.js';

/** Where records are kept: in a file of this server, or in an etcd that several servers share. */
export type StoreSettings = { readonly engine: 'sqlite' } | EtcdSettings;

/** An etcd and the way to it. */
export interface EtcdSettings {
  readonly engine: 'etcd';
  /** `https://host:port`, or `http://` on loopback; the nearest first. */
  readonly endpoints: readonly string[];
  /** PEM files, absolute; all of them or none. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly allowOldVersion: boolean;
  readonly requestTimeoutMs: number;
}

const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** The group `store`. */
export const STORE = section({
  engine: v.optional(v.picklist(['sqlite', 'etcd'], '"sqlite" or "etcd"'), 'sqlite'),
  endpoints: v.optional(v.array(parsed(parseEndpoint, 'an address like "https://etcd1.example:2379"')), []),
  ca: v.optional(v.string()),
  cert: v.optional(v.string()),
  key: v.optional(v.string()),
  allowOldVersion: v.optional(v.boolean(), false),
  requestTimeout: v.optional(v.pipe(parsed(parseDuration, 'a duration like "500ms"'), v.minValue(100, 'at least 100ms')), '500ms'),
});

type StoreKeys = v.InferOutput<typeof STORE>;

/** What is wrong between the keys. */
export function* storeFaults({ engine, endpoints, ca, cert, key }: StoreKeys): Iterable<Fault> {
  if (engine === 'sqlite') {
    if (endpoints.length > 0) yield { key: ['store', 'engine'], message: 'want "etcd", since endpoints of it are named, got "sqlite"' };
    return;
  }
  if (endpoints.length === 0) yield { key: ['store', 'endpoints'], message: 'want the members of etcd, since that is the engine, got none' };
  for (const [name, file] of Object.entries({ ca, cert, key })) {
    const isWanted = endpoints.some((endpoint) => endpoint.startsWith('https:'));
    if (isWanted && file === undefined) yield { key: ['store', name], message: 'want a file in PEM, since etcd is asked over TLS, got nothing' };
  }
}

/** The group with nothing left out. @param at Makes a file's name absolute. */
export function storeSettings({ engine, endpoints, ca, cert, key, allowOldVersion, requestTimeout }: StoreKeys, at: (file: string) => string): StoreSettings {
  if (engine === 'sqlite') return { engine };
  const path = (file: string | undefined): string | undefined => (file === undefined ? undefined : at(file));
  return { engine, endpoints, ca: path(ca), cert: path(cert), key: path(key), allowOldVersion, requestTimeoutMs: requestTimeout };
}

/** Everything is in etcd, so nobody else may listen to the way there. */
function parseEndpoint(text: string, field: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.port === '') {
    throw new DomainError('invalid_argument', `${field}: want an address with port like "https://etcd1.example:2379", got ${JSON.stringify(text)}`);
  }
  if (url.protocol === 'http:' && !LOOPBACK.has(url.hostname)) {
    throw new DomainError('invalid_argument', `${field}: want https, since it is not on loopback, got ${JSON.stringify(text)}`);
  }
  return url.origin;
}
