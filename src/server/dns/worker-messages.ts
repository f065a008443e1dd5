import type { ErrorCode } from '../../domain/errors.js';
import type { ZoneChange } from '../../domain/zone-input.js';
import type { Log, LogFields } from '../../platform/log.js';
import type { SigningKeysPem } from './dns-service.js';
import type { DnsAddress, DnsClient, DnsTlsMaterial } from '../../platform/dns/query-handler.js';
import type { Enclosure, Upstream } from '../../platform/dns/upstream.js';
import type { Asked } from './start-dns.js';

/** What the worker starts with. */
export interface WorkerSetup {
  readonly zone: string;
  readonly version: string | undefined;
  readonly storeFile: string | undefined;
  readonly listen: readonly DnsAddress[];
  readonly tls: { readonly listen: readonly DnsAddress[]; readonly material: DnsTlsMaterial } | undefined;
  readonly signingKeys: SigningKeysPem | undefined;
  readonly upstreams: readonly Upstream[];
  readonly serveStaleMs: number;
  readonly enclosures: readonly Enclosure[];
  readonly counters: SharedArrayBuffer;
}

/** A query that came another way than to the thread's own sockets. */
export interface HandedQuery {
  readonly id: number;
  readonly query: Uint8Array;
  readonly client: DnsClient;
}

/** What becomes of it. */
export interface HandedAnswer {
  readonly id: number;
  readonly asked: Asked | undefined;
}

/** What the main thread tells the worker. */
export type ToWorker =
  | { readonly kind: 'apply'; readonly revision: bigint; readonly changes: readonly ZoneChange[] }
  /** Now that all that is known has been applied. */
  | { readonly kind: 'open' }
  | { readonly kind: 'queries'; readonly queries: readonly HandedQuery[] }
  | { readonly kind: 'certificate'; readonly material: DnsTlsMaterial }
  | { readonly kind: 'signingKeys'; readonly keys: SigningKeysPem | undefined }
  | { readonly kind: 'logQueries'; readonly on: boolean }
  | { readonly kind: 'stop' };

/** What the worker tells the main thread. */
export type FromWorker =
  | { readonly kind: 'listening'; readonly ports: readonly number[]; readonly tlsPorts: readonly number[] }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'answers'; readonly answers: readonly HandedAnswer[] }
  | { readonly kind: 'log'; readonly level: keyof Log; readonly message: string; readonly fields: LogFields }
  | { readonly kind: 'stopped' };
