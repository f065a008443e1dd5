import { DomainError } from '../../domain/errors.js';
import type { Transaction } from './store.js';

/** etcd refuses more than 128 by default. */
const MAX_PARTS = 120;

/** etcd refuses requests over 1.5 MiB by default. */
const MAX_BYTES = 1024 * 1024;

/**
 * Refuses a transaction that not every driver can carry out, so that none carries it out.
 *
 * @throws DomainError `invalid_argument`.
 */
export function checkTransaction(transaction: Transaction): void {
  const { if: compares, then: operations, elseGet = [] } = transaction;
  for (const [what, parts] of Object.entries({ compares, operations, 'keys to read': elseGet })) {
    if (parts.length > MAX_PARTS) throw refusal(`want at most ${MAX_PARTS} ${what}, got ${parts.length}`);
  }
  for (const key of elseGet) checkKey(key);
  for (const compare of compares) checkKey(compare.key);
  checkOperations(operations);
}

function checkOperations(operations: Transaction['then']): void {
  const written = new Set<string>();
  let bytes = 0;
  for (const operation of operations) {
    const key = 'put' in operation ? operation.put : operation.del;
    checkKey(key);
    if (written.has(key)) throw refusal(`want each key written once, got ${key} twice`);
    written.add(key);
    bytes += key.length + ('put' in operation ? operation.value.byteLength : 0);
  }
  if (bytes > MAX_BYTES) throw refusal(`want at most ${MAX_BYTES} bytes, got ${bytes}`);
}

/** A lone surrogate has no UTF-8: two such keys would be stored as one. */
function checkKey(key: string): void {
  if (key === '' || /\p{Surrogate}/u.test(key)) throw refusal(`want a key of Unicode characters, got ${JSON.stringify(key)}`);
}

function refusal(sentence: string): DomainError {
  return new DomainError('invalid_argument', `transaction: ${sentence}`);
}
