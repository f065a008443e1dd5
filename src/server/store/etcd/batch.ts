import type { Compare as EtcdCompare, RequestOp, TxnRequest } from '../../../gen/etcd/etcd.js';
import type { Transaction } from '../store.js';
import { toCompares, toRead, toWrite } from './etcd-terms.js';

/** A transaction ready to be sent, and what decides with which others it may go. */
export interface Sendable {
  readonly request: TxnRequest;
  readonly written: readonly string[];
  /** Keys that it compares or reads. */
  readonly seen: readonly string[];
  /** The longest of its lists. */
  readonly parts: number;
  readonly bytes: number;
}

/** More in one request make the next ones wait longer than they save. */
const MOST_TRANSACTIONS = 40;

/** etcd counts the transactions of a request and the parts of each of them together. */
const MOST_PARTS = 128;

/** Well below etcd's 1.5 MiB for a request, and quickly through a line to the next data centre. */
const MOST_BYTES = 512 * 1024;

/** Bytes that a part takes beside its key and value, at most. */
const OVERHEAD_BYTES = 48;

/** Prepares `transaction`, with the lease of each of its writes; 0 for none. */
export function sendable(transaction: Transaction, leases: readonly bigint[]): Sendable {
  const { if: compares, then, elseGet = [] } = transaction;
  const request: TxnRequest = {
    compare: compares.flatMap(toCompares),
    success: then.map((operation, i) => toWrite(operation, leases[i] ?? 0n)),
    failure: elseGet.map(toRead),
  };
  const { compare, success, failure } = request;
  return {
    request,
    written: then.map((operation) => ('put' in operation ? operation.put : operation.del)),
    seen: [...compares.map(({ key }) => key), ...elseGet],
    parts: Math.max(compare.length, success.length, failure.length),
    bytes: sum(compare.map(bytesOfCompare)) + sum([...success, ...failure].map(bytesOfOperation)),
  };
}

/**
 * Takes the first of `waiting` and every later one that may go with it, and gives the rest in their order.
 *
 * etcd evaluates the compares of all transactions in a request before the writes of any. To be as if carried out one after
 * another, none may write what another one writes, compares or reads.
 */
export function nextBatch<T extends Sendable>(waiting: readonly T[]): { readonly batch: T[]; readonly rest: T[] } {
  const batch: T[] = [];
  const rest: T[] = [];
  const written = new Set<string>();
  const seen = new Set<string>();
  let bytes = 0;
  let parts = 0;
  for (const each of waiting) {
    const mostParts = Math.max(parts, each.parts);
    const fits = batch.length < MOST_TRANSACTIONS && mostParts + batch.length + 1 <= MOST_PARTS && bytes + each.bytes <= MOST_BYTES;
    const clashes = each.written.some((key) => written.has(key) || seen.has(key)) || each.seen.some((key) => written.has(key));
    if (batch.length > 0 && (!fits || clashes)) {
      rest.push(each);
      continue;
    }
    batch.push(each);
    bytes += each.bytes;
    parts = mostParts;
    for (const key of each.written) written.add(key);
    for (const key of each.seen) seen.add(key);
  }
  return { batch, rest };
}

/** One request of all of `batch`, each of which fails alone. */
export function requestOf(batch: readonly Sendable[]): TxnRequest {
  const [only] = batch;
  if (batch.length === 1 && only !== undefined) return only.request;
  return { compare: [], success: batch.map(({ request }) => ({ request: { $case: 'requestTxn', value: request } })), failure: [] };
}

function bytesOfCompare({ key }: EtcdCompare): number {
  return key.length + OVERHEAD_BYTES;
}

function bytesOfOperation({ request }: RequestOp): number {
  if (request === undefined || request.$case === 'requestTxn') return 0;
  return OVERHEAD_BYTES + request.value.key.length + (request.$case === 'requestPut' ? request.value.value.length : 0);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
